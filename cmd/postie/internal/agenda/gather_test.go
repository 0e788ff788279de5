package agenda

import (
	"testing"
	"time"
)

// Hooks run once for a burst, when it is over, and in a burst without an end now and then.
func TestGather(t *testing.T) {
	zero := time.Unix(1e9, 0)
	for _, tt := range []struct {
		name string
		adds []float64 // seconds
		want []float64 // when hooks run
	}{
		{"one run", []float64{0}, []float64{1}},
		{"a burst", []float64{0, 0.5, 1.2}, []float64{2.2}},
		{"two runs", []float64{0, 5}, []float64{1, 6}},
		{"no end", []float64{0, 0.9, 1.8, 2.7, 3.6, 4.5, 5.4, 6.3, 7.2, 8.1, 9, 9.9, 10.8}, []float64{10, 11.8}},
		{"nothing", nil, nil},
	} {
		var g Gather
		var got []float64
		adds := tt.adds
		for ms := 0; ms < 20000; ms += 100 {
			now := zero.Add(time.Duration(ms) * time.Millisecond)
			if len(adds) > 0 && float64(ms) >= adds[0]*1000 {
				g.Add(now)
				adds = adds[1:]
			}
			due, at := g.Next(now)
			if !due && !at.IsZero() && !at.After(now) {
				t.Fatalf("%s: to be asked again at once", tt.name)
			}
			if due {
				got = append(got, float64(ms)/1000)
				g = Gather{}
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestPulse(t *testing.T) {
	var p Pulse
	for _, tt := range []struct {
		second       int
		failed, want bool
	}{{0, false, true}, {1, false, false}, {59, false, false}, {60, false, true}, {61, true, true}, {62, true, true}, {63, false, true}, {64, false, false}, {200, false, true}} {
		if got := p.Due(time.Unix(1e9, 0).Add(time.Duration(tt.second)*time.Second), tt.failed); got != tt.want {
			t.Errorf("second %d, failed %v: %v", tt.second, tt.failed, got)
		}
	}
}
