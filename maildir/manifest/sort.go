package manifest

import (
	"bufio"
	"container/heap"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
)

// maxHeld is how many octets of lines are sorted in memory; the rest waits in files.
const maxHeld = 8 << 20

// Sorter sorts lines, however many, in bounded memory. The zero value is ready for use; Close it.
type Sorter struct {
	held  []string
	size  int
	limit int // tests set it; 0: maxHeld
	parts []*os.File
}

// Add takes a line, which has no LF.
func (s *Sorter) Add(line string) error {
	s.held, s.size = append(s.held, line), s.size+len(line)+16
	limit := s.limit
	if limit == 0 {
		limit = maxHeld
	}
	if s.size < limit {
		return nil
	}
	return s.spill()
}

// spill sorts what is held into a file that nobody else sees.
func (s *Sorter) spill() error {
	f, err := os.CreateTemp("", "postie-sort-*")
	if err != nil {
		return err
	}
	os.Remove(f.Name()) // where that is not possible while it is open, Close does it
	s.parts = append(s.parts, f)
	slices.Sort(s.held)
	w := bufio.NewWriter(f)
	for _, line := range s.held {
		w.WriteString(line)
		w.WriteByte('\n')
	}
	clear(s.held)
	s.held, s.size = s.held[:0], 0
	return w.Flush()
}

// All gives the lines in their order, as often as it is asked.
func (s *Sorter) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		slices.Sort(s.held)
		m := merge{&source{held: s.held}}
		for _, f := range s.parts {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield("", err)
				return
			}
			m = append(m, &source{in: bufio.NewReader(f)})
		}
		live := m[:0]
		for _, src := range m {
			ok, err := src.next()
			if err != nil {
				yield("", err)
				return
			}
			if ok {
				live = append(live, src)
			}
		}
		for heap.Init(&live); len(live) > 0; {
			if !yield(live[0].line, nil) {
				return
			}
			ok, err := live[0].next()
			switch {
			case err != nil:
				yield("", err)
				return
			case ok:
				heap.Fix(&live, 0)
			default:
				heap.Pop(&live)
			}
		}
	}
}

// Close removes the files.
func (s *Sorter) Close() error {
	var errs []error
	for _, f := range s.parts {
		errs = append(errs, f.Close())
		if err := os.Remove(f.Name()); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	s.parts, s.held = nil, nil
	return errors.Join(errs...)
}

// source gives sorted lines: of memory, or of a file.
type source struct {
	held []string
	in   *bufio.Reader
	line string
}

func (s *source) next() (bool, error) {
	if s.in == nil {
		if len(s.held) == 0 {
			return false, nil
		}
		s.line, s.held = s.held[0], s.held[1:]
		return true, nil
	}
	line, err := s.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		return false, nil
	}
	s.line = strings.TrimSuffix(line, "\n")
	return err == nil, err
}

// merge is a heap of sources, the one with the first line on top.
type merge []*source

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return m[i].line < m[j].line }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)        { *m = append(*m, x.(*source)) }
func (m *merge) Pop() any {
	old := *m
	last := old[len(old)-1]
	*m = old[:len(old)-1]
	return last
}
