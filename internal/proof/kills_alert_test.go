package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	messages "github.com/omoflow/omoflow/internal/delivery"
	"github.com/omoflow/omoflow/internal/journal"
)

// templatePath stands in a template's configuration where copies name themselves, so that a server tells them apart.
const templatePath = "/of/template/"

// people is the receiver of webhooks that takes every key once, as receivers must.
type people struct {
	sync.Mutex
	told map[string]map[string]string // by project, by key: the channel and what was told
}

func (p *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Data struct {
			Alerts []struct{ Rule, Where, Event string }
		}
	}
	project, channel, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/of/"), "/")
	key := r.Header.Get("Idempotency-Key")
	if json.NewDecoder(r.Body).Decode(&message) != nil || key == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.Lock()
	defer p.Unlock()
	if p.told[project] == nil {
		p.told[project] = map[string]string{}
	}
	p.told[project][key] = channel + " " + fmt.Sprint(message.Data.Alerts)
}

// alerting gives the pipeline of a project with a failed check, of which two channels are to be told.
func alerting() *pipeline {
	receiver := &people{told: map[string]map[string]string{}}
	return &pipeline{
		name: "alert", args: []string{"alert", "run", "-q"}, between: doubtSent,
		make: func(k *killer, dir string) {
			addFailingCheck(k, dir)
			k.calm(dir, []string{"run", "-q"}, 4)
			server := httptest.NewServer(receiver)
			k.t.Cleanup(server.Close)
			channel := "{kind: webhook, url: \"" + server.URL + templatePath + "%s\", allow_private: true, allow_plain: true}"
			k.edit(filepath.Join(dir, "omoflow.yaml"), "lake: ./lake", "lake: ./lake\nalerts:\n  defaults: false\n  rules: [{name: checks, kind: checks}]\n  channels:\n    head: "+
				fmt.Sprintf(channel, "head")+"\n    shop: "+fmt.Sprintf(channel, "shop"))
		},
		content: func(k *killer, dir string) map[string]string {
			content := k.contentOf(dir)
			maps.DeleteFunc(content, func(subject, _ string) bool {
				return strings.HasPrefix(subject, "entry "+messages.LogName+" ") || strings.HasPrefix(subject, "entry alert ")
			})
			receiver.Lock()
			defer receiver.Unlock()
			content["told"] = strings.Join(slices.Sorted(maps.Values(receiver.told[filepath.Base(dir)])), "; ")
			for key, record := range k.deliveries(dir) {
				content["delivery "+key] = record.Channel + " " + record.Status
			}
			return content
		},
		check: func(k *killer, dir string) {
			receiver.Lock()
			defer receiver.Unlock()
			if n := len(receiver.told[filepath.Base(dir)]); n != 2 {
				k.t.Errorf("the calm run of alerts told %d recipients instead of 2", n)
			}
		},
	}
}

// deliveries reads what the log says of every message.
func (k *killer) deliveries(dir string) map[string]messages.Record {
	bucket, err := bucketOf(dir)
	k.must(err)
	records, err := messages.Open(bucket, "proof", 1, time.Now).Records(context.Background())
	k.must(err)
	return records
}

// doubtSent lets the time go by after which a message that was announced is in doubt.
func doubtSent(k *killer, dir string) {
	ctx := context.Background()
	bucket, err := bucketOf(dir)
	k.must(err)
	log := journal.Open(bucket, messages.LogName, journal.Options{Writer: "proof"})
	for _, r := range k.deliveries(dir) {
		if r.Status != messages.Sending {
			continue
		}
		r.Until = time.Now().UTC().Add(-time.Second)
		tail, _, err := log.Tail(ctx)
		k.must(err)
		_, err = log.Append(ctx, tail.Seq+1, "intent", r)
		k.must(err)
	}
}
