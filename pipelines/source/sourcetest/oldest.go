package sourcetest

import "time"

// Oldest is the record of a simulated shop that changed longest ago, the one with the smallest number among equals; nil when
// there is none.
func Oldest[T any](all map[int64]*T, changed func(*T) time.Time) *T {
	var first *T
	least := int64(0)
	for id, one := range all {
		if first == nil || changed(one).Before(changed(first)) || changed(one).Equal(changed(first)) && id < least {
			first, least = one, id
		}
	}
	return first
}
