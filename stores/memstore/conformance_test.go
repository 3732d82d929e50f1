package memstore_test

import (
	"testing"

	"github.com/go-pagecache/pagecache"
	"github.com/go-pagecache/pagecache/stores/memstore"
	"github.com/go-pagecache/pagecache/stores/storetest"
)

var _ pagecache.Memory = (*memstore.Store)(nil)

func TestConformance(t *testing.T) {
	storetest.Memory(t, func(testing.TB) pagecache.Memory {
		return memstore.New(8 << 20)
	})
}
