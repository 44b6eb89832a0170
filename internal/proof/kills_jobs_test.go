package proof

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/schedules/ledger"
)

// killedJob is a job that was due once since the ledger knows it.
const killedJob = "figures"

// makeJobDue gives the project a yearly job whose time has come.
func makeJobDue(k *killer, dir string) {
	k.must(os.WriteFile(filepath.Join(dir, "schedules.yaml"), []byte("version: 1\ndefaults: false\njobs:\n  - {name: "+killedJob+", do: export, cron: \"0 3 1 1 *\", zone: UTC}\n"), 0o644))
	bucket, err := bucketOf(dir)
	k.must(err)
	since := time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)
	_, err = journal.Open(bucket, ledger.Prefix+killedJob, journal.Options{Writer: "proof"}).Append(k.t.Context(), 1, "begin", ledger.Record{State: ledger.State{Since: since, Upto: since}})
	k.must(err)
}

// lapse lets the time go by after which a silent worker is taken for dead.
func lapse(k *killer, dir string) {
	ctx := context.Background()
	bucket, err := bucketOf(dir)
	if err != nil {
		k.t.Error(err)
		return
	}
	state, _, err := ledger.Open(bucket, "proof", time.Now).State(ctx, killedJob)
	log := journal.Open(bucket, ledger.Prefix+killedJob, journal.Options{Writer: "proof"})
	tail, ok, reading := log.Tail(ctx)
	if err != nil || reading != nil || !ok {
		k.t.Errorf("the ledger after a kill: %v %v", err, reading)
		return
	}
	for i := range state.Open {
		if state.Open[i].Worker != "" {
			state.Open[i].Until = time.Now().UTC().Add(-time.Second)
		}
	}
	if _, err := log.Append(ctx, tail.Seq+1, "beat", ledger.Record{State: state}); err != nil {
		k.t.Error(err)
	}
}

// jobContent is what a project holds, with the outcomes of the job's times instead of the entries of its log.
func jobContent(k *killer, dir string) map[string]string {
	content := k.contentOf(dir)
	maps.DeleteFunc(content, func(subject, _ string) bool {
		return strings.HasPrefix(subject, "entry "+ledger.Prefix) || strings.HasPrefix(subject, "object journal/"+ledger.Prefix)
	})
	bucket, err := bucketOf(dir)
	if err != nil {
		content["error"] = err.Error()
		return content
	}
	outcomes := ""
	err = ledger.Open(bucket, "proof", time.Now).History(context.Background(), killedJob, func(_ string, _ time.Time, r ledger.Record) error {
		for _, e := range r.Ended {
			outcomes += fmt.Sprintf("%s %s %s %d; ", e.Outcome, e.From, e.To, e.Count)
		}
		content["job"] = fmt.Sprint(len(r.State.Open), " open, done to ", r.State.LastDone)
		return nil
	})
	if err != nil {
		content["error"] = err.Error()
	}
	content["outcomes"] = outcomes
	return content
}

// damageEverything takes away or spoils an object of every class that repair makes again.
func damageEverything(k *killer, dir string) {
	for i, folder := range []string{"staged/erp/targets", "staged/care/feedback", "manifests/sales.day", "manifests/sales.payment", "tables/sales.day", "tables/customer.customer"} {
		file := ""
		k.must(filepath.WalkDir(filepath.Join(dir, "lake", folder), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				file = path
			}
			return err
		}))
		k.must(os.Remove(file)) // a link; the base keeps its file
		if i%2 > 0 {
			k.must(os.WriteFile(file, []byte("spoilt"), 0o644))
		}
	}
}
