// Package failpoint stops the program at named points, so that the released binary itself can be crash-tested.
//
// A point is one line, failpoint.Hit("commit", "before_put"), and costs one atomic load while nothing is armed. Arm is called in one
// place, by a hidden flag of the command line together with an environment variable: neither alone does anything, so that production
// cannot trip over a point. Names are listed, and each is proven to be reached, in internal/proof.
package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// armed is the one piece of global state: a point must cost nothing to pass and be reachable from every room.
var armed atomic.Pointer[plan]

// Hit passes a point whose name is the parts joined by dots. When the point is armed the process is killed, stopped or delayed here.
func Hit(name ...string) {
	if p := armed.Load(); p != nil {
		p.hit(strings.Join(name, "."))
	}
}

// Fail is Hit for points that can also be armed to give an error, which the caller returns as its own.
func Fail(name ...string) error {
	if p := armed.Load(); p != nil {
		return p.hit(strings.Join(name, "."))
	}
	return nil
}

// rule says what happens at the n-th hit of a point.
type rule struct {
	action string
	pause  time.Duration
	at     int
}

type plan struct {
	lock   sync.Mutex
	rules  map[string]rule
	hits   map[string]int
	all    int
	record *os.File
}

// every is the name that stands for every point, counted together.
const every = "*"

// Arm reads rules such as "commit.before_put=kill@2;raw.put.after=sleep:200ms@1;record=/tmp/hits" and arms their points. The actions
// are kill (SIGKILL), stop (SIGSTOP), error and sleep:<duration>; the number is the hit it happens at, 1 when left out; the name *
// counts all points together; record appends the name of every hit to a file.
func Arm(text string) error {
	p := &plan{rules: map[string]rule{}, hits: map[string]int{}}
	for _, part := range strings.Split(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return fmt.Errorf("failpoint %q: write name=action@hit", part)
		}
		if name == "record" {
			var err error
			if p.record, err = os.OpenFile(value, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
				return fmt.Errorf("failpoint record: %w", err)
			}
			continue
		}
		r, err := parse(value)
		if err != nil {
			return fmt.Errorf("failpoint %s: %w", name, err)
		}
		p.rules[name] = r
	}
	armed.Store(p)
	return nil
}

func parse(value string) (rule, error) {
	action, at, counted := strings.Cut(value, "@")
	r := rule{at: 1}
	var err error
	if counted {
		if r.at, err = strconv.Atoi(at); err != nil || r.at < 1 {
			return r, fmt.Errorf("%q is no hit number", at)
		}
	}
	action, pause, _ := strings.Cut(action, ":")
	r.action = action
	switch action {
	case "kill", "stop", "error":
	case "sleep":
		if r.pause, err = time.ParseDuration(pause); err != nil {
			return r, err
		}
	default:
		return r, fmt.Errorf("%q is none of kill, stop, error, sleep", action)
	}
	return r, nil
}

// Disarm makes every point pass again.
func Disarm() { armed.Store(nil) }

func (p *plan) hit(name string) error {
	p.lock.Lock()
	p.hits[name]++
	p.all++
	r, ok := p.rules[name]
	due := ok && p.hits[name] == r.at
	if all, ok := p.rules[every]; ok && p.all == all.at {
		r, due = all, true
	}
	if p.record != nil {
		_, _ = p.record.WriteString(name + "\n") // the test that reads it finds it short
	}
	p.lock.Unlock()
	if !due {
		return nil
	}
	switch r.action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // does not return
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "sleep":
		time.Sleep(r.pause)
	case "error":
		return fmt.Errorf("failpoint %s", name)
	}
	return nil
}
