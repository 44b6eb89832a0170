// Package mutant puts deliberate faults into the program and shows that its tests find each of them. It has no code that the
// program uses; docs/mutants.md lists the faults.
package mutant
