package proof

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/inspect"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/transforms"
)

// insideVariable tells a test's own process, started in a mount namespace, where its small disks are mounted.
const insideVariable = "OMOFLOW_PROOF_DISK"

// The space that is plenty for one case.
const (
	roomBytes = 128 << 20
	roomFiles = 20_000
	page      = 4096
)

// TestProofLimitsDisk fills the disk at every write: the same delivery and release on file systems with a little more room each
// time, then with enough. It either works or says that the disk is full; with enough room it then works, and equals the
// undisturbed result; nothing is left open, running or lying about.
func TestProofLimitsDisk(t *testing.T) {
	if os.Getenv(insideVariable) != "" {
		fillDisks(t)
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^TestProofLimitsDisk$", "-test.v", "-test.timeout=19m")
	command.Env = append(os.Environ(), insideVariable+"="+t.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	output, err := command.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) || bytes.Contains(output, []byte("cannot mount")) {
		t.Skipf("this machine lets no user make a mount namespace, so that no small disk can be made: %v\n%s", err, output)
	}
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "proof: ") {
			fmt.Println(lines.Text())
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// disks is the state of a proof with small disks.
type disks struct {
	*bench
	t     *testing.T
	mount string
	first []delivery // what every case has taken in before
	then  []delivery // what it takes in on the small disk
	want  map[string]string
	ready string // a shop that has taken in the first delivery and waits with the second
}

func fillDisks(t *testing.T) {
	d := &disks{t: t, mount: os.Getenv(insideVariable)}
	d.bench = newBench(t, 2, "1GiB", "stg_order", "stg_order_line", "stg_payment")
	var pos [][]delivery
	options := tiny(20260101, 2)
	options.LinesPerDay = 5000 // so that there are more sizes than cases
	for _, today := range d.deliveriesOf(t, options, 2) {
		pos = append(pos, slices.DeleteFunc(today, func(f delivery) bool { return !strings.HasPrefix(f.path, "pos/") }))
	}
	d.first, d.then = pos[0], pos[1]
	d.disk(0, roomBytes, roomFiles)
	s := d.readyShop()
	bytes, files := d.used()
	calm, err := d.work(s)
	fatal(t, err)
	d.want = s.files(calm)
	moreBytes, moreFiles := d.used()
	bytes, files = 2*(moreBytes-bytes), 2*(moreFiles-files) // temporary files come and go meanwhile
	d.unmount()
	open, running := openFiles(t), goleak.IgnoreCurrent()
	full, done, sizes := 0, 0, map[int64]bool{} // sizes: room in bytes, or below zero in files
	n := cases(t, 6, 80)
	for i := range n {
		var ended bool
		if i%4 > 0 {
			at := bytes * int64(i) / int64(max(1, n-1)) / page * page
			sizes[at], ended = true, d.oneDisk(at, roomFiles)
		} else {
			at := files * int64(i) / int64(max(1, n-1))
			sizes[-at-1], ended = true, d.oneDisk(roomBytes, at)
		}
		if ended {
			done++
		} else {
			full++
		}
	}
	if full == 0 || done == 0 {
		t.Errorf("%d disks were full and %d had room: the sizes up to %d bytes and %d files miss the border", full, done, bytes, files)
	}
	left := openFiles(t) - open
	if left > 0 {
		t.Errorf("%d descriptors are left open", left)
	}
	if err := goleak.Find(running); err != nil {
		t.Error(err)
	}
	if !t.Failed() {
		fmt.Printf("proof: R16 a full disk fails clean: %d runs on %d tmpfs sizes up to %d bytes or %d files of room, %d ended with a typed error, %d with the right result, all equal after making room\n", n, len(sizes), bytes, files, full, done)
		fmt.Printf("proof: R17 nothing leaks: %d cycles of failing and repeated runs, 0 temporary files, 0 descriptors, 0 goroutines left\n", n)
	}
}

// disk mounts a disk of some bytes and files, or changes the one that is mounted.
func (d *disks) disk(flags uintptr, bytes, files int64) {
	d.t.Helper()
	if err := syscall.Mount("tmpfs", d.mount, "tmpfs", flags, fmt.Sprintf("size=%d,nr_inodes=%d", bytes, files)); err != nil {
		d.t.Fatalf("cannot mount a disk of %d bytes and %d files: %v", bytes, files, err)
	}
}

func (d *disks) unmount() {
	d.t.Helper()
	if err := syscall.Unmount(d.mount, 0); err != nil {
		d.t.Fatalf("a file of the disk is still open: %v", err)
	}
}

// used gives the bytes and the files on the disk.
func (d *disks) used() (bytes, files int64) {
	var stat syscall.Statfs_t
	fatal(d.t, syscall.Statfs(d.mount, &stat))
	return int64(stat.Blocks-stat.Bfree) * stat.Bsize, int64(stat.Files - stat.Ffree)
}

// readyShop makes a shop that has taken in the first delivery, and copies it onto the mounted disk.
func (d *disks) readyShop() *shop {
	d.t.Helper()
	s := d.newShop(d.t)
	s.take(d.first...)
	s.publish()
	s.arrive(d.then...)
	d.ready = s.dir
	return d.shopOnDisk()
}

// shopOnDisk copies the ready shop onto the mounted disk.
func (d *disks) shopOnDisk() *shop {
	d.t.Helper()
	s := &shop{bench: d.bench, t: d.t, dir: filepath.Join(d.mount, "shop")}
	fatal(d.t, copyTree(d.ready, s.dir))
	bucket, err := localfs.New(filepath.Join(s.dir, "lake"))
	fatal(d.t, err)
	s.lake, err = lake.Open(context.Background(), bucket)
	fatal(d.t, err)
	s.cache = objstore.NewCache(bucket, filepath.Join(s.dir, "cache"), 0)
	return s
}

// copyTree copies a folder with the times of its files, by which deliveries are ordered.
func copyTree(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, strings.TrimPrefix(path, from)), info.ModTime(), info.ModTime())
	})
}

// work takes in the second delivery and releases it.
func (d *disks) work(s *shop) (release.Release, error) {
	ctx := context.Background()
	if _, err := ingest.Run(ctx, s.ingestOptions(), s.ingestFeeds(d.then...)); err != nil {
		return release.Release{}, err
	}
	candidate, err := transforms.Build(ctx, s.buildOptions())
	if err != nil {
		return release.Release{}, err
	}
	return candidate.Publish(ctx)
}

// oneDisk runs one case and tells whether it ended with a result on the small disk.
func (d *disks) oneDisk(bytes, files int64) (done bool) {
	d.disk(0, roomBytes, roomFiles)
	defer d.unmount()
	s := d.shopOnDisk()
	usedBytes, usedFiles := d.used()
	d.disk(syscall.MS_REMOUNT, usedBytes+bytes+page, usedFiles+files)
	what := fmt.Sprintf("%d bytes and %d files of room", bytes, files)
	_, err := d.work(s)
	if err != nil && fault.KindOf(err) != fault.Exhausted {
		d.t.Errorf("%s: %v error: %v", what, fault.KindOf(err), err)
	}
	d.disk(syscall.MS_REMOUNT, 2*roomBytes, 2*roomFiles)
	again, repeated := d.work(s)
	if repeated != nil {
		d.t.Errorf("%s, then plenty: %v", what, repeated)
		return err == nil
	}
	if got := s.files(again); !maps.Equal(got, d.want) {
		d.t.Errorf("%s, then plenty: other tables", what)
	}
	report, problem := inspect.Run(context.Background(), s.lake.Bucket, inspect.Options{Data: true})
	if problem != nil || len(report.Findings) > 0 {
		d.t.Errorf("%s, then plenty: %v %v", what, problem, report.Findings)
	}
	for _, folder := range []string{"temp", "scratch", "lake/.omoflow/tmp"} {
		if left := filesBelow(filepath.Join(s.dir, folder)); len(left) > 0 {
			d.t.Errorf("%s: %s holds %v", what, folder, left)
		}
	}
	return err == nil
}

// filesBelow lists the files of a folder that need not exist.
func filesBelow(dir string) (files []string) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error { // what is not there holds nothing
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// openFiles counts the process's descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	return len(entries)
}

// TestProofLimitsMemory builds the same tables under memory limits from far too little to plenty: each gives the same bytes or
// says that memory ran out.
func TestProofLimitsMemory(t *testing.T) {
	limits := []string{"24MiB", "4GiB"}
	if cases(t, 0, 1) > 0 {
		limits = []string{"16MiB", "24MiB", "32MiB", "48MiB", "64MiB", "96MiB", "128MiB", "256MiB", "512MiB", "1GiB", "2GiB", "4GiB"}
	}
	b := newBench(t, 2, "2GiB", "sales.day", "inventory.position")
	options := tiny(20260101, 2)
	options.LinesPerDay = 300
	s := b.newShop(t)
	for _, today := range b.deliveriesOf(t, options, 2) {
		s.take(today...)
	}
	want := s.files(s.publish())
	equal, refused := 0, 0
	for i, limit := range limits {
		done, err := s.rebuildWithin(limit, i)
		switch {
		case err == nil && maps.Equal(done, want):
			equal++
		case err == nil:
			t.Errorf("with %s of memory the tables differ", limit)
		case fault.KindOf(err) == fault.Exhausted:
			refused++
		default:
			t.Errorf("with %s of memory: %v error: %v", limit, fault.KindOf(err), err)
		}
	}
	if !t.Failed() {
		fmt.Printf("proof: R16 little memory fails clean: %d memory limits from %s to %s, %d equal results, %d typed errors, 0 wrong tables\n", len(limits), limits[0], limits[len(limits)-1], equal, refused)
	}
}

// rebuildWithin computes every partition of the shop's release again with little memory and gives their hashes.
func (s *shop) rebuildWithin(limit string, i int) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	db, err := warehouse.Open(ctx, warehouse.Options{Threads: 2, MemoryLimit: limit, TempDir: filepath.Join(s.dir, fmt.Sprintf("spill-%d", i))})
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // in memory
	options := s.buildOptions()
	options.DB = db
	latest, _, err := release.Latest(ctx, s.lake)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	_, err = transforms.Rebuild(ctx, options)
	if err == nil { // Rebuild compares every file with the release's bytes
		files = s.files(latest)
	}
	return files, err
}
