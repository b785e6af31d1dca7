package simulation

// chance is where all random choices of a run come from. A choice depends on the seed and on what it is about, never on how many were made before: leaving out one
// operation leaves the others' luck as it was, which is what makes a failing run small.
type chance uint64

// about narrows chance to a subject.
func (c chance) about(parts ...uint64) chance {
	for _, part := range parts {
		c = chance(scramble(uint64(c) ^ scramble(part+0x9e3779b97f4a7c15)))
	}
	return c
}

// scramble is the finalizer of splitmix64.
func scramble(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// named turns a text into a subject of chance (FNV-1a).
func named(text string) uint64 {
	hash := uint64(14695981039346656037)
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	return hash
}

// share is a number from 0 to 1, 1 excluded.
func (c chance) share() float64 { return float64(uint64(c)>>11) / (1 << 53) }

// luck is a sequence of choices about one subject.
type luck struct {
	chance chance
	drawn  uint64
}

func (l *luck) next() chance {
	l.drawn++
	return l.chance.about(l.drawn)
}

// below is a number from 0 to n-1.
func (l *luck) below(n int) int { return int(uint64(l.next()) % uint64(n)) }

// odds holds with the probability share.
func (l *luck) odds(share float64) bool { return l.next().share() < share }

// one picks from a list that is not empty.
func one[T any](l *luck, list []T) T { return list[l.below(len(list))] }
