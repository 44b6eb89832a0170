package s3

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// DropUploads implements objstore.UploadDropper. A process that is killed while it sends an object in parts leaves an upload that no
// listing shows and that is paid for. One that is still at work finds its upload gone and sends it again.
func (b *Bucket) DropUploads(ctx context.Context, before time.Time) (dropped int, err error) {
	pages := awss3.NewListMultipartUploadsPaginator(b.client, &awss3.ListMultipartUploadsInput{Bucket: &b.opt.Bucket, Prefix: aws.String(b.folder)})
	for pages.HasMorePages() {
		page, listing := pages.NextPage(ctx)
		if listing != nil {
			return dropped, errors.Join(err, b.classify("", "list the uploads of", listing))
		}
		for _, u := range page.Uploads {
			if u.Initiated == nil || !u.Initiated.Before(before) {
				continue
			}
			_, aborting := b.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &b.opt.Bucket, Key: u.Key, UploadId: u.UploadId})
			if aborting != nil && code(aborting) != "NoSuchUpload" { // it was completed or dropped meanwhile
				err = errors.Join(err, b.classify(aws.ToString(u.Key), "drop the upload of", aborting))
				continue
			}
			dropped++
		}
	}
	return dropped, err
}
