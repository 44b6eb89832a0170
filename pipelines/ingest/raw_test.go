package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// TestPackedBytesComeBackAndDoNotDependOnWhatWasPackedBefore packs sizes around a frame's with one packer and with fresh ones.
func TestPackedBytesComeBackAndDoNotDependOnWhatWasPackedBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	used, dir := ingest.NewPacker(), t.TempDir()
	const frame = 4 << 20
	for i, size := range []int{0, 1, 5, 200_000, 3, frame - 1, frame, frame + 1, 2*frame + 777, 10} {
		data := make([]byte, size)
		for j := range data {
			data[j] = "0123456789,\n"[r.IntN(12)]
		}
		from := filepath.Join(dir, "in")
		if err := os.WriteFile(from, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var packed [2][]byte
		for k, pack := range []ingest.Packer{used, ingest.NewPacker()} {
			to := filepath.Join(dir, string(rune('a'+i))+string(rune('0'+k)))
			sha, n, err := pack(context.Background(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			packed[k], err = os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(packed[k]); hex.EncodeToString(sum[:]) != sha || int64(len(packed[k])) != n {
				t.Errorf("%d bytes: hash %s or size %d is not of what was written", size, sha, n)
			}
		}
		if !bytes.Equal(packed[0], packed[1]) {
			t.Errorf("%d bytes: a used packer gives others than a fresh one", size)
		}
		back, err := z.DecodeAll(packed[0], nil)
		if err != nil || !bytes.Equal(back, data) {
			t.Errorf("%d bytes do not come back: %d, %v", size, len(back), err)
		}
	}
}

// TestRawObjectOfAnotherVersionIsUsed puts the same content under the raw key as another compressor packs it.
func TestRawObjectOfAnotherVersionIsUsed(t *testing.T) {
	ctx := context.Background()
	text := plainHeader + plainRows(50)
	first := newShop(t, plainProfile)
	first.put("lines.csv", text)
	raw := first.run().Batches[0].Files[0].Raw

	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	other := z.EncodeAll([]byte(text), nil)
	second := newShop(t, plainProfile)
	if _, err := second.opt.Lake.Bucket.PutIfAbsent(ctx, raw.Key, objstore.Bytes(other), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	second.put("lines.csv", text)
	batch := second.run().Batches[0]
	file := batch.Files[0]
	if sum := sha256.Sum256(other); file.Raw.Key != raw.Key || file.Raw.SHA256 != hex.EncodeToString(sum[:]) || file.Raw.Bytes != int64(len(other)) {
		t.Errorf("the entry names %+v, the lake holds %d bytes", file.Raw, len(other))
	}
	where, err := ingest.Locate(ctx, second.opt.Lake, batch.ID, 0, 1)
	if err != nil || where.Line != 2 {
		t.Errorf("locate: %+v %v", where, err)
	}
}
