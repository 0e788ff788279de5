package retrieve

import (
	"fmt"
	"runtime"
	"testing"

	"postie/pop3"
)

// A first fetch plans each message: what that takes is bounded, and handing the plan over copies nothing.
func TestPlanMemory(t *testing.T) {
	const n = 20000
	v := View{}
	for i := range n {
		v.Items = append(v.Items, pop3.Item{Number: pop3.Number(i + 1), Size: 2000, UIDL: fmt.Sprint("u", i)})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	plan := Diff(v, Policy{})
	ops := plan.fetches()
	runtime.ReadMemStats(&after)
	if len(ops) != n {
		t.Fatalf("%d messages are fetched", len(ops))
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 400 {
		t.Errorf("%d octets for each message", each)
	}
}
