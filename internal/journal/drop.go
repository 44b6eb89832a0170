package journal

import (
	"context"
	"slices"

	"github.com/omoflow/omoflow/internal/objstore"
)

// Drop removes a whole log. It is only for logs of a period whose facts are kept for a limited time, after that period; no log that
// anything else refers to is ever dropped. The head goes first, then the objects from the last to the first, so that what an
// interrupted removal leaves is a shorter log, and the next one goes on.
func Drop(ctx context.Context, b objstore.Bucket, log string) error {
	if err := b.Delete(ctx, HeadKey(log)); err != nil {
		return err
	}
	var keys []string
	if err := b.List(ctx, root+log+"/", "", func(info objstore.Info) error { keys = append(keys, info.Key); return nil }); err != nil {
		return err
	}
	for _, key := range slices.Backward(keys) {
		if err := b.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
