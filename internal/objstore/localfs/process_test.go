package localfs_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
)

// The variables that make this test binary a writer of its own: what to do, and in which directory.
const (
	roleVariable = "OMOFLOW_TEST_LOCALFS_ROLE"
	dirVariable  = "OMOFLOW_TEST_LOCALFS_DIR"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := act(role, os.Getenv(dirVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// act is what a writer process does.
func act(role, dir string) error {
	b, err := localfs.New(dir)
	if err != nil {
		return err
	}
	switch role {
	case "race":
		return race(b)
	case "count":
		return count(b, 10)
	}
	return flood(b)
}

// race prints the keys that this process created.
func race(b *localfs.Bucket) error {
	for k := range 50 {
		key := fmt.Sprintf("race/%02d", k)
		err := put(b, key, strconv.Itoa(os.Getpid()))
		if err == nil {
			fmt.Println(key)
		} else if !errors.Is(err, objstore.ErrExists) {
			return err
		}
	}
	return nil
}

// count increments one object.
func count(b *localfs.Bucket, steps int) error {
	ctx := context.Background()
	for done := 0; done < steps; {
		head, err := b.Head(ctx, "n")
		if err != nil {
			return err
		}
		data, err := objstore.ReadAll(ctx, b, "n", 0)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			return err
		}
		_, err = b.PutIfMatch(ctx, "n", head.ETag, objstore.Bytes([]byte(strconv.Itoa(n+1))), objstore.PutOptions{})
		if err == nil {
			done++
		} else if !errors.Is(err, objstore.ErrChanged) {
			return err
		}
	}
	return nil
}

// flood writes objects until it is killed.
func flood(b *localfs.Bucket) error {
	fmt.Println("ready")
	for i := 0; ; i++ {
		if err := put(b, fmt.Sprintf("flood/%d/%d", os.Getpid(), i), strings.Repeat("x", floodBytes)); err != nil {
			return err
		}
	}
}

const floodBytes = 300_000

func writer(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	return command
}

func TestProcessesExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	if err := put(open(t, dir), "n", "0"); err != nil {
		t.Fatal(err)
	}
	const writers = 4
	won := make([]string, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			out, err := writer(t, "race", dir).Output()
			won[w] = string(out)
			if err != nil {
				t.Error(err)
			}
			if out, err := writer(t, "count", dir).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	winners := map[string]int{}
	for _, line := range strings.Fields(strings.Join(won, "")) {
		winners[line]++
	}
	for k := range 50 {
		if key := fmt.Sprintf("race/%02d", k); winners[key] != 1 {
			t.Errorf("%s has %d winners", key, winners[key])
		}
	}
	data, err := objstore.ReadAll(t.Context(), open(t, dir), "n", 0)
	if err != nil || string(data) != strconv.Itoa(writers*10) {
		t.Errorf("the counter is at %s of %d, %v", data, writers*10, err)
	}
}

func TestKilledWritersLeaveWholeObjectsOnly(t *testing.T) {
	dir := t.TempDir()
	for round := range 12 {
		command := writer(t, "flood", dir)
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(round*3) * time.Millisecond)
		if err := command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait() // it was killed
	}
	b := open(t, dir)
	seen := 0
	err := b.List(t.Context(), "", "", func(i objstore.Info) error {
		seen++
		data, err := objstore.ReadAll(t.Context(), b, i.Key, 0)
		if err != nil || len(data) != floodBytes || len(bytes.Trim(data, "x")) > 0 {
			t.Errorf("%s has %d bytes, %v", i.Key, len(data), err)
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d objects, %v", seen, err)
	}
}
