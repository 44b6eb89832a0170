package mutant

// mutant is a fault: in file the text old, which stands there once, becomes new, and a test of the package must fail.
type mutant struct {
	what           string
	file, old, new string
	pkg, test      string
}

const (
	journalPkg = "./internal/journal"
	releasePkg = "./internal/release"
	lakePkg    = "./internal/lake"
	storePkg   = "./internal/objstore"
	localPkg   = "./internal/objstore/localfs"
	ingestPkg  = "./pipelines/ingest"
	enginePkg  = "./transforms"
)

// mutants lists the faults, by the room they are made in.
var mutants = []mutant{
	{"drop the fsync of an object's bytes", "internal/objstore/localfs/write.go", "		func() error { return b.sync(out) },\n", "", localPkg, "TestBytesThenNameReachTheDisk"},
	{"drop the fsync of an adopted file", "internal/objstore/localfs/write.go", "if err := b.sync(f); err != nil {\n		return classify(key", "if err := error(nil); err != nil {\n		return classify(key", localPkg, "TestBytesThenNameReachTheDisk"},
	{"drop the fsync of the directory", "internal/objstore/localfs/write.go", "if err := b.syncDir(filepath.Dir(b.path(key))); err != nil {", "if err := error(nil); err != nil {", localPkg, "TestBytesThenNameReachTheDisk"},
	{"overwrite instead of create if absent", "internal/objstore/localfs/write.go", "err = os.Link(file, b.path(key))", "err = os.Rename(file, b.path(key))", localPkg, "TestContract"},
	{"ignore a wrong sha256 in the cache", "internal/objstore/cache.go", "got != want {\n		return damaged(key, \"its sha256 is \"", "false {\n		return damaged(key, \"its sha256 is \"", storePkg, "TestCacheNamesDamage"},

	{"take a refused append for a success", "internal/journal/put.go", "if definite(err) && !uncertain {\n			return err", "if definite(err) && !uncertain {\n			return nil", journalPkg, "TestEveryRefusedRequestIsToldOrNotNeeded"},
	{"take an unknown outcome for a failure", "internal/journal/put.go", "if errors.Is(err, objstore.ErrUnknownOutcome) {\n		return false", "if errors.Is(err, objstore.ErrUnknownOutcome) {\n		return true", journalPkg, "TestUnknownOutcomesAreSettled"},
	{"take another writer's entry for our own", "internal/journal/put.go", "return err == nil && stored.Hash == hashOf(raw), err", "return err == nil && stored.Seq == seq, err", journalPkg, "TestUnknownOutcomeAndAnotherWriterIsAConflict"},
	{"do not follow the chain", "internal/journal/entry.go", "if e.Prev != prev.Hash {", "if false {", journalPkg, "TestAForeignEntryIsOffTheChain"},
	{"believe an entry whose sum is wrong", "internal/journal/entry.go", "sum != hashOf(bare) {", "sum == \"\" {", journalPkg, "TestEveryFlippedBitOfAnEntryIsSeen"},
	{"accept a log with a gap", "internal/journal/journal.go", "return damaged(EntryKey(l.name, seq), \"the entry is missing; the log goes on at %d\", next)", "continue", journalPkg, "TestATailNeedsEveryEntry"},
	{"ignore a later epoch", "internal/journal/journal.go", "if prev.Epoch > epoch {", "if prev.Epoch > epoch+1 {", journalPkg, "TestEpochsFenceEarlierWriters"},
	{"read nothing when the last entry alone is asked for", "internal/journal/read.go", "if err != nil || !ok || from > tail.Seq {", "if err != nil || !ok || from >= tail.Seq {", journalPkg, "TestWhatHappensBesideAReader"},
	{"give up at a damaged checkpoint", "internal/journal/read.go", "} else if fault.KindOf(err) != fault.Damaged || c.failed {", "} else if fault.KindOf(err) != fault.Internal || c.failed {", journalPkg, "TestDamagedCheckpointIsReadAround"},
	{"do not see that the last entry was replaced", "internal/journal/read.go", "if c.prev.Hash != tail.Hash && c.prev.Seq == tail.Seq {", "if c.prev.Hash != tail.Hash && c.prev.Seq > tail.Seq {", journalPkg, "TestWhatHappensBesideAReader"},

	{"publish on a release that moved", "internal/release/release.go", "if latest.Seq != parent {", "if latest.Seq < parent {", releasePkg, "TestPublishIsAtomicAndKeepsThePast"},
	{"take any entry for a release", "internal/release/release.go", "if e.Kind == KindRelease {\n			r, err", "if e.Kind != \"\" {\n			r, err", releasePkg, "TestOtherEntriesOfTheLogAreNoReleases"},
	{"believe an altered manifest", "internal/release/manifest.go", "if got := digest(raw); got != sha {", "if got := digest(raw); got == \"\" {", releasePkg, "TestDamagedManifestIsNamed"},
	{"accept another table's manifest", "internal/release/manifest.go", "if m.Format < 1 || m.Table != table {", "if m.Format < 0 {", releasePkg, "FuzzManifest"},
	{"give two batches one id", "internal/lake/batch.go", "append([]string{\"batch 1\", source, feed, mapping}, fileSHA256...)", "append([]string{\"batch 1\", source, feed}, fileSHA256...)", lakePkg, "TestBatchIDDependsOnEveryPart"},

	{"take the same bytes in twice", "pipelines/ingest/batch.go", "if ref, ok := b.state.live[a.sha]; ok {", "if ref, ok := b.state.live[a.sha+\" \"]; ok {", ingestPkg, "TestTheSameBytesAreTakenOnceAndNewBytesReplace"},
	{"take the same bytes of one batch in twice", "pipelines/ingest/batch.go", "if no, ok := here[a.sha]; ok {", "if no, ok := here[a.Name]; ok {", ingestPkg, "TestTheSameBytesAreTakenOnceAndNewBytesReplace"},
	{"keep the rows that a correction replaces", "pipelines/ingest/batch.go", "if old, ok := b.state.names[a.Name]; ok {\n				b.body", "if old, ok := b.state.names[a.Name+\" \"]; ok {\n				b.body", ingestPkg, "TestTheSameBytesAreTakenOnceAndNewBytesReplace"},
	{"count duplicates twice", "pipelines/ingest/batch.go", "t.Counts = lake.Counts{Read: reads, Duplicate: reads}", "t.Counts = lake.Counts{Read: 2 * reads, Duplicate: 2 * reads}", ingestPkg, "TestTheSameBytesAreTakenOnceAndNewBytesReplace"},
	{"drop a quarantine row", "pipelines/ingest/quarantine.go", "for _, r := range t.refusals {", "for _, r := range t.refusals[:max(0, len(t.refusals)-1)] {", ingestPkg, "TestRefusedRecordsWaitInQuarantine"},
	{"take a file whose refused records pass the limit", "pipelines/ingest/batch.go", "if t.Refused || t.refused*1_000_000 <= b.RefuseOver*t.outcome.Read {", "if t.Refused || t.refused*1_000_000 >= b.RefuseOver*t.outcome.Read {", ingestPkg, "TestTooManyRefusedRecordsRefuseTheFile"},
	{"ignore the cursor: start the log anew", "pipelines/ingest/state.go", "		f.seq = e.Seq\n", "		f.seq = 0\n", ingestPkg, "TestTheSameBytesAreTakenOnceAndNewBytesReplace"},

	{"reuse a partition whatever its fingerprint", "transforms/model.go", "if b.reuse && t.old.Fingerprint == t.fingerprint {", "if b.reuse {", enginePkg, "TestIncrementalEqualsFull"},
	{"leave the inputs out of the fingerprint", "transforms/model.go", "parts = append(parts, input.Name, s.digest)", "parts = append(parts, input.Name)", enginePkg, "TestIncrementalEqualsFull"},
	{"count the rows of replaced files", "transforms/staged.go", "		for _, ref := range b.Supersedes {\n			set[ref] = true", "		for _, ref := range b.Supersedes {\n			set[ref] = false", enginePkg, "TestIncrementalEqualsFull"},
	{"let a window miss its first partition", "transforms/see.go", "parent >= m.Part.shift(part, -input.N)", "parent > m.Part.shift(part, -input.N)", enginePkg, "TestIncrementalEqualsFull"},
	{"ignore a failed check", "transforms/checks.go", "if c.Status == failed && c.Severity == \"block\" {", "if c.Status == failed && c.Severity == \"warn\" {", enginePkg, "TestBlockingCheckKeepsTheReleaseBefore"},
	{"publish before the checks are judged", "transforms/candidate.go", "	if err := verdict(c.Release); err != nil {\n		return release.Release{}, err\n	}\n", "", enginePkg, "TestBlockingCheckKeepsTheReleaseBefore"},
	{"take an order that leaves ties for total", "transforms/lintties.go", "return k.within(told) }) || s.keeps(items, told) {", "return len(k) > 0 || k.within(told) }) {", enginePkg, "TestLintRules"},
}
