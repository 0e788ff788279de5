package main

import (
	"io"
	"testing"
)

// A start costs little before anything is done: what only the Tab key asks for is not made.
func TestStartAllocations(t *testing.T) {
	n := testing.AllocsPerRun(5, func() {
		newApp(io.Discard, io.Discard, &interruption{}).main(t.Context(), []string{"version"})
	})
	if t.Logf("%.0f allocations", n); n > 1500 {
		t.Errorf("%.0f allocations", n)
	}
}
