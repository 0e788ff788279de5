package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSqueeze(t *testing.T) {
	cols := []Column{{}, {Min: 4, Max: 20}, {Min: 6}, {Leave: 1}, {Leave: 2}}
	tests := []struct {
		natural []int
		width   int
		want    []int
	}{
		{[]int{5, 10, 10, 5, 5}, 80, []int{5, 10, 10, 5, 5}},
		{[]int{5, 30, 10, 5, 5}, 80, []int{5, 20, 10, 5, 5}},
		{[]int{5, 10, 30, 5, 5}, 43, []int{5, 10, 10, 5, 5}},
		{[]int{5, 10, 30, 5, 5}, 41, []int{5, 9, 9, 5, 5}},
		{[]int{5, 10, 30, 5, 5}, 33, []int{5, 4, 6, 5, 5}},
		{[]int{5, 10, 30, 5, 5}, 32, []int{5, 8, 8, 5, 0}},
		{[]int{5, 10, 30, 5, 5}, 20, []int{5, 5, 6, 0, 0}},
		{[]int{5, 10, 30, 5, 5}, 1, []int{5, 4, 6, 0, 0}},
		{[]int{0, 0, 0, 0, 0}, 80, []int{0, 0, 0, 0, 0}},
	}
	for _, tt := range tests {
		got := squeeze(cols, tt.natural, tt.width)
		sum := -len(gap)
		for _, w := range got {
			if w > 0 {
				sum += w + len(gap)
			}
		}
		if tt.width > 19 && sum > tt.width {
			t.Errorf("%v in %d: %v is too wide", tt.natural, tt.width, got)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v in %d: %v, want %v", tt.natural, tt.width, got, tt.want)
		}
	}
}

// After the rows that decide on the widths a table prints as it goes, and never cuts an ID.
func TestTableStreams(t *testing.T) {
	l := newLab(Options{}, true, 40, nil)
	table := l.Table(Column{}, Column{Min: 5})
	for i := range tableRows {
		table.Row(Plain, "id", strings.Repeat("x", i%50))
	}
	if n := strings.Count(l.out.String(), "\n"); n != tableRows {
		t.Fatalf("%d rows printed of %d", n, tableRows)
	}
	l.out.Reset()
	table.Row(Plain, "a/longer/id", strings.Repeat("y", 50), "beyond")
	want := fmt.Sprintf("a/longer/id  %s…\n", strings.Repeat("y", 26))
	if l.out.String() != want {
		t.Errorf("got %q, want %q", &l.out, want)
	}
	if err := table.Close(); err != nil || l.out.String() != want {
		t.Errorf("Close: %v, %q", err, &l.out)
	}
}

func BenchmarkList(b *testing.B) {
	l := newLab(Options{}, true, 80, nil)
	list := l.List("")
	ms := sampleMessages()
	i := 0
	for b.Loop() {
		list.Add(ms[i%len(ms)])
		if i++; i%1000 == 0 {
			l.out.Reset()
		}
	}
	list.Close()
}
