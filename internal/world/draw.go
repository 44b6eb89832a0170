package world

import "math/rand/v2"

// stream gives the random numbers of one entity: adding an entity never shifts the draws of another.
func stream(seed uint64, entity string, a, b int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, hash(seed, entity, a, b)))
}

// hash mixes an entity's name and numbers (FNV-1a, then the finaliser of splitmix64).
func hash(seed uint64, entity string, a, b int) uint64 {
	h := uint64(14695981039346656037) ^ seed
	for i := range len(entity) {
		h = (h ^ uint64(entity[i])) * 1099511628211
	}
	h ^= uint64(a)*0x9e3779b97f4a7c15 + uint64(b)*0xc2b2ae3d27d4eb4f
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// chance is true in share of 1,000 cases.
func chance(r *rand.Rand, share int) bool { return r.IntN(1000) < share }

// skewed draws 0..n-1, low numbers far more often: the least of three uniform draws.
func skewed(r *rand.Rand, n int) int { return min(r.IntN(n), r.IntN(n), r.IntN(n)) }

// pick draws an index by weight.
func pick(r *rand.Rand, weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := r.IntN(sum)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// divRound divides half away from zero; b is positive.
func divRound(a, b int64) int64 {
	if a < 0 {
		return -divRound(-a, b)
	}
	return (2*a + b) / (2 * b)
}
