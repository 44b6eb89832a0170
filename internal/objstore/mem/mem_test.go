package mem_test

import (
	"testing"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
	"github.com/omoflow/omoflow/internal/objstore/objstoretest"
)

func TestContract(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Bucket { return mem.New() })
}
