package faultstore

import "slices"

// Kind is a way in which a store fails: the sixteen of the fault catalogue, in its order.
type Kind uint8

// The kinds. What each does to a call, and to which calls it applies, is said in Bucket and Applies.
const (
	ServerError Kind = iota + 1 // S1: 500, nothing was done
	SlowDown                    // S2: 503 or 429, nothing was done; give it Times for a burst
	Reset                       // S3: the connection broke before the request was sent; the client cannot know that
	Lost                        // S4: applied, the answer was lost
	Timeout                     // S5: no answer in time; every second write of that kind was applied
	OwnRefused                  // S6: applied, then refused as taken: the client's retry met its own write
	OtherWon                    // S7: another writer took the key just before
	Busy                        // S8: 409, another request for the key is under way
	Truncated                   // S9: a read ends early and does not say so
	Flipped                     // S10: one bit of a read is wrong
	Stale                       // S11: a listing lacks its last key
	Repeated                    // S12: a listing gives its keys twice
	Abandoned                   // S13: the upload broke off after all bytes were sent, nothing is there
	Denied                      // S14: 403, credentials expired or the clock is off
	SlowBody                    // S15: a read trickles in
	Ignored                     // S16: the condition of a write is ignored
)

var kindNames = [...]string{
	ServerError: "S1 500", SlowDown: "S2 slow down", Reset: "S3 reset", Lost: "S4 answer lost", Timeout: "S5 timeout", OwnRefused: "S6 own 412",
	OtherWon: "S7 other's 412", Busy: "S8 409", Truncated: "S9 truncated read", Flipped: "S10 flipped bit", Stale: "S11 stale list",
	Repeated: "S12 repeated list", Abandoned: "S13 abandoned upload", Denied: "S14 denied", SlowBody: "S15 slow body", Ignored: "S16 ignored condition",
}

// String gives the number in the catalogue and a short name.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "no fault"
	}
	return kindNames[k]
}

// Op is an operation of a bucket. Put stands for PutIfAbsent, Swap for PutIfMatch.
type Op uint8

// The operations.
const (
	Put Op = iota + 1
	Swap
	Get
	Head
	List
	Delete
)

// String gives the operation's name.
func (o Op) String() string {
	return [...]string{"any call", "put", "swap", "get", "head", "list", "delete"}[min(o, Delete)]
}

// Applies tells whether a call of op can fail in this way.
func (k Kind) Applies(op Op) bool {
	switch k {
	case ServerError, SlowDown, Reset, Timeout, Denied:
		return true
	case Lost, OwnRefused, OtherWon, Busy, Abandoned, Ignored:
		return op == Put || op == Swap
	case Truncated, Flipped, SlowBody:
		return op == Get
	case Stale, Repeated:
		return op == List
	}
	return false
}

// Kinds gives the kinds that a call of op can fail in, Ignored left out: a store that ignores conditions is no store
// for a lake, and its faults are not survived but refused (see objstore.Verify).
func Kinds(op Op) []Kind {
	var all []Kind
	for k := ServerError; k < Ignored; k++ {
		if k.Applies(op) {
			all = append(all, k)
		}
	}
	return slices.Clip(all)
}
