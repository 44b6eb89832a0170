package world_test

import (
	"context"
	"fmt"
	"os"

	"github.com/omoflow/omoflow/internal/world"
)

// A week of a small shop: the files arrive, and the truth says what a right pipeline must find in them.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "world")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	options := world.Options{Seed: 1, Days: 7, Stores: 2, SKUs: 50, Customers: 100, LinesPerDay: 60}
	written, err := world.Write(context.Background(), dir, options, 0, 7)
	if err != nil {
		fmt.Println(err)
		return
	}
	truth, err := world.TruthOf(options)
	if err != nil {
		fmt.Println(err)
		return
	}
	var orders int64
	for _, s := range truth.Sales {
		orders += s.Orders
	}
	fmt.Println(written.Files == len(truth.Files), orders > 100)
	// Output: true true
}
