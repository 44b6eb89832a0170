package s3_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// drip lets a body through a byte at a time.
func drip(response *http.Response, w http.ResponseWriter, r *http.Request) {
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	buf := make([]byte, 1)
	for r.Context().Err() == nil {
		n, err := response.Body.Read(buf)
		if n == 0 || err != nil {
			return
		}
		if _, err := w.Write(buf); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
	}
}

// S15: a store that sends next to nothing does not hold the pipeline for days. What comes is kept, the rest is asked for anew.
func TestATrickleIsTakenUpElsewhereOrGivenUp(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 10_000)
	for name, slow := range map[string]int64{"one slow answer": 1, "all answers slow": 1 << 60} {
		var gets atomic.Int64
		var direct *s3.Bucket
		through := proxy(t, func(_ int64, forward func() *http.Response, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || gets.Add(1) > slow {
				return false
			}
			drip(forward(), w, r)
			return true
		}, func(o *s3.Options) { o.Stall = 300 * time.Millisecond })
		direct = openAt(t, endpoint, func(o *s3.Options) { o.Prefix = strings.TrimPrefix(through.URL(), "s3://lake/") })
		if err := putText(direct, "a", content); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		data, err := objstore.ReadAll(t.Context(), through, "a", 0)
		switch {
		case slow == 1 && (err != nil || string(data) != content):
			t.Errorf("%s: %d bytes of %d, %v", name, len(data), len(content), err)
		case slow > 1 && (fault.KindOf(err) != fault.Unavailable || fault.HintOf(err) == ""):
			t.Errorf("%s: %v of kind %v", name, err, fault.KindOf(err))
		case time.Since(began) > 30*time.Second:
			t.Errorf("%s: took %v", name, time.Since(began))
		}
	}
}

// R5 over HTTP: answers of conditional writes are lost after or before the server acted, come as 5xx or 409 although it acted, and the
// retry then meets the writer's own object as 412, or another writer's who was quicker. The verdict is the truth every time.
func TestProofS3UnknownOutcomesAreSettled(t *testing.T) {
	t.Parallel()
	n := 60
	switch os.Getenv("OMOFLOW_PROOF") {
	case "pr":
		n = 1000
	case "long":
		asked, _ := strconv.Atoi(os.Getenv("OMOFLOW_PROOF_SEEDS"))
		n = max(1000, asked)
	}
	var mu sync.Mutex
	met := map[string]int{} // key -> puts seen
	var direct *s3.Bucket
	var injected atomic.Int64
	b := proxy(t, func(_ int64, forward func() *http.Response, w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		key := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		number, _ := strconv.ParseUint(strings.TrimPrefix(key, "k"), 10, 64)
		mu.Lock()
		met[key]++
		try := met[key]
		mu.Unlock()
		draw := rand.New(rand.NewPCG(number, uint64(try)))
		if try > 1 && draw.IntN(3) > 0 {
			return false // most retries get through
		}
		injected.Add(1)
		switch draw.IntN(6) {
		case 0: // the answer is lost
			forward()
			drop(w)
		case 1: // the request is lost
			drop(w)
		case 2: // applied, and yet
			forward()
			refuse(w, 500, "InternalError")
		case 3:
			forward()
			refuse(w, 503, "ServiceUnavailable")
		case 4:
			refuse(w, 409, "ConditionalRequestConflict")
		case 5: // another writer comes first, and the answer is lost
			if err := putText(direct, key, "theirs"); err != nil && !errors.Is(err, objstore.ErrExists) {
				t.Error(err)
			}
			forward()
			drop(w)
		}
		return true
	})
	direct = openAt(t, endpoint, func(o *s3.Options) { o.Prefix = strings.TrimPrefix(b.URL(), "s3://lake/") })
	var wrong atomic.Int64
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		if seed := os.Getenv("OMOFLOW_SEED"); seed != "" && seed != fmt.Sprint(i) {
			continue
		}
		group.Go(func() error {
			key, mine := fmt.Sprint("k", i), fmt.Sprint("mine ", i)
			err := putText(b, key, mine)
			stored, readErr := objstore.ReadAll(t.Context(), direct, key, 0)
			switch {
			case readErr != nil:
			case err == nil && string(stored) == mine, errors.Is(err, objstore.ErrExists) && string(stored) == "theirs":
				return nil
			}
			wrong.Add(1)
			t.Errorf("OMOFLOW_SEED=%d: told %v, the store holds %q (%v)", i, err, stored, readErr)
			return nil
		})
	}
	_ = group.Wait() // errors are reported above
	fmt.Printf("proof: R5 unknown outcomes over HTTP are settled: %d injections into %d writes, %d wrong verdicts\n", injected.Load(), n, wrong.Load())
}
