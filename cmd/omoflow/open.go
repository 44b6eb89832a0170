package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/s3"
	"github.com/omoflow/omoflow/internal/warehouse"
)

// project is an opened configuration with the lake it names.
type project struct {
	config *Config
	lake   *lake.Lake
	cache  *objstore.Cache
	temp   string // private scratch folder of this process, removed by close
}

// openProject reads the configuration and opens its lake. With create the lake is made when it does not exist.
func (a *app) openProject(ctx context.Context, create bool) (*project, error) {
	config, err := loadConfig(a.project)
	if err != nil {
		return nil, err
	}
	return openConfigured(ctx, config, create)
}

func openConfigured(ctx context.Context, config *Config, create bool) (*project, error) {
	if limit := addressSpace(); limit < leastAddressSpace {
		return nil, fault.New(fault.Exhausted, "address_space", "", "raise the limit, as by `ulimit -v unlimited`; engine.memory in omoflow.yaml bounds what is really used",
			"this process may address %d MiB, it needs %d", limit>>20, int64(leastAddressSpace)>>20)
	}
	bucket, err := openBucket(ctx, config.resolve(config.Lake), create)
	if err != nil {
		return nil, err
	}
	open := lake.Open
	if create {
		open = lake.Create
	}
	lk, err := open(ctx, bucket)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, fault.Wrap(err, fault.Usage, "no_lake", bucket.URL(), "run `omoflow run` once; it makes the lake", "there is no lake yet")
	}
	if err != nil {
		return nil, err
	}
	temp, err := scratch(config)
	if err != nil {
		return nil, err
	}
	failpoint.Hit("project.opened")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return &project{config: config, lake: lk, cache: objstore.NewCache(bucket, filepath.Join(cache, "omoflow", lk.ID), cacheLimit), temp: temp}, nil
}

// uploadAge is how old an unfinished upload is taken for left behind: longer than any object takes to send.
const uploadAge = 24 * time.Hour

// dropUploads removes what killed processes left unfinished in a remote store.
func (p *project) dropUploads(ctx context.Context, a *app) {
	store, ok := p.lake.Bucket.(objstore.UploadDropper)
	if !ok {
		return
	}
	dropped, err := store.DropUploads(ctx, time.Now().Add(-uploadAge))
	if dropped > 0 {
		a.progress("removed %d uploads that nobody finished", dropped)
	}
	if err != nil { // they cost space and nothing else, and not every key may list them
		a.progress("unfinished uploads cannot be removed: %v", err)
	}
}

// cacheLimit bounds the local copies of remote objects, in bytes; a folder lake is read in place.
const cacheLimit = 64 << 30

// close removes the scratch folder.
func (p *project) close() { _ = os.RemoveAll(p.temp) } // a leftover is harmless and never read

// scratchParent is where unfinished files go. For a folder lake it is on the same file system, so that a finished file is
// linked into place instead of copied; where that cannot be written, only reading is possible and the system's folder serves.
func scratchParent(config *Config) string {
	parent := config.resolve(config.Engine.TempDir)
	if parent == "" {
		parent = os.TempDir()
		if url := config.resolve(config.Lake); !strings.Contains(url, "://") {
			beside := filepath.Join(url, objstore.Reserved, "work")
			if os.MkdirAll(beside, 0o755) == nil && unix.Access(beside, unix.W_OK) == nil {
				parent = beside
			}
		}
	}
	return parent
}

// scratch makes this process's folder for unfinished files.
func scratch(config *Config) (string, error) {
	parent := scratchParent(config)
	sweepScratch(parent)
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("omoflow-%d-", os.Getpid()))
	return dir, fault.Wrap(err, fault.Denied, "temp_unwritable", parent, "set engine.temp_dir to a folder that this user may write to", "scratch files cannot be written")
}

// sweepScratch removes the scratch folders of processes of this machine that are gone.
func sweepScratch(parent string) {
	leftovers, _ := filepath.Glob(filepath.Join(parent, "omoflow-*-*")) // the pattern is constant and valid
	for _, dir := range leftovers {
		pid, err := strconv.Atoi(strings.Split(filepath.Base(dir), "-")[1])
		if err == nil && pid != os.Getpid() && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = os.RemoveAll(dir) // the next start tries again
		}
	}
}

// openBucket opens a folder or an s3:// URL.
func openBucket(ctx context.Context, url string, create bool) (objstore.Bucket, error) {
	if strings.HasPrefix(url, "s3://") {
		options, err := s3.ParseURL(url)
		if err != nil {
			return nil, err
		}
		return s3.New(ctx, options)
	}
	if strings.Contains(url, "://") {
		return nil, fault.New(fault.Usage, "unknown_store", url, "write a folder or s3://bucket/prefix", "this kind of store is not known")
	}
	if _, err := os.Stat(url); err != nil && !create {
		return nil, fault.Wrap(err, fault.Usage, "no_lake", url, "run `omoflow run` once; it makes the lake", "there is no lake yet")
	}
	return localfs.New(url)
}

// engine gives the limits that DuckDB gets: as configured, else half of the memory.
func (p *project) engine() warehouse.Options {
	memory := p.config.Engine.Memory
	if memory == "" {
		memory = strconv.FormatInt(memoryBytes()/2>>20, 10) + "MiB"
	}
	return warehouse.Options{
		MemoryLimit: memory, Threads: p.config.Engine.Threads,
		TempDir: filepath.Join(p.temp, "spill"), TempLimit: p.config.Engine.TempLimit,
	}
}

// leastAddressSpace is what the program and the engine reserve before they use any of it: threads' stacks and heaps, mostly.
const leastAddressSpace = 2 << 30

// addressSpace is how much this process may address, in bytes.
func addressSpace() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(limit.Cur)
}

// memoryBytes is the machine's memory, or the container's when that is less; 4 GiB where neither can be read.
func memoryBytes() (bytes int64) {
	total := int64(4 << 30)
	defer func() {
		if limit := addressSpace(); limit < math.MaxInt64 {
			bytes = min(bytes, limit-leastAddressSpace*3/4)
		}
	}()
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(data)); len(fields) > 1 {
			if kilobytes, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				total = kilobytes << 10
			}
		}
	}
	if data, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
			total = min(total, limit)
		}
	}
	return total
}

// codeVersion names the program in releases: the revision it was built from, when the build knows it.
func codeVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return info.Main.Version
}
