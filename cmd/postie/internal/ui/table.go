package ui

import (
	"slices"
	"strings"
)

const (
	gap       = "  "
	tableRows = 1000 // rows that decide on the widths; later ones are printed as they come
)

// Column is one column of a Table. Min, Max and Leave count on a terminal only; elsewhere nothing is cut. Without Min
// and Max a column is never cut, unless by the end of the line.
type Column struct {
	Title string
	Right bool
	Min   int // cells to which it may shrink; 0: it does not
	Max   int // cells it may take; 0: all
	Leave int // when it is too narrow for all, the column with the highest goes first; 0: stays
}

// Table prints rows in aligned columns on standard output: fitted to the width of a terminal, whole elsewhere. A
// header is printed if a column has a title. Memory is bounded: after the first thousand rows the widths stand.
// With JSON it prints nothing.
type Table struct {
	u      *UI
	cols   []Column
	rows   []row
	titled bool
	widths []int // nil: not decided; a column of width 0 is left out
}

type row struct {
	style Style
	cells []string
}

// Table begins a table. Close it after the last row.
func (u *UI) Table(cols ...Column) *Table {
	t := &Table{u: u, cols: cols}
	for _, c := range cols {
		t.titled = t.titled || c.Title != ""
	}
	if t.titled {
		t.rows = []row{{style: Bold, cells: make([]string, len(cols))}}
		for i, c := range cols {
			t.rows[0].cells[i] = c.Title
		}
	}
	return t
}

// Row adds a row in a style. Cells are cleaned; missing ones are empty, those beyond the last column are dropped.
func (t *Table) Row(style Style, cells ...string) error {
	r := row{style, make([]string, len(t.cols))}
	for i := range min(len(cells), len(t.cols)) {
		r.cells[i] = Clean(cells[i])
	}
	t.rows = append(t.rows, r)
	if t.widths == nil && len(t.rows) < tableRows {
		return nil
	}
	return t.flush()
}

// Close prints what is left. A table without rows prints nothing, not even a header.
func (t *Table) Close() error {
	if t.widths == nil && t.titled && len(t.rows) == 1 {
		t.rows = nil
	}
	return t.flush()
}

func (t *Table) flush() error {
	rows := t.rows
	t.rows = nil
	if len(rows) == 0 || t.u.opt.JSON {
		return t.u.Err()
	}
	if t.widths == nil {
		t.measure(rows)
	}
	var b strings.Builder
	for _, r := range rows {
		t.format(&b, r)
	}
	return t.u.write(&t.u.out, b.String())
}

func (t *Table) measure(rows []row) {
	natural := make([]int, len(t.cols))
	for _, r := range rows {
		for i, cell := range r.cells {
			natural[i] = max(natural[i], Width(cell))
		}
	}
	t.widths = natural
	if t.u.out.tty {
		t.widths = squeeze(t.cols, natural, t.u.opt.Width())
	}
}

// squeeze returns widths that fit into width together: columns that may shrink do, the widest first, and if that is
// not enough, columns leave. The widths that remain may still be too much; then lines are cut.
func squeeze(cols []Column, natural []int, width int) []int {
	w, sum := make([]int, len(cols)), -len(gap)
	worst := -1 // the next to leave
	for i, c := range cols {
		if w[i] = natural[i]; c.Max > 0 {
			w[i] = min(w[i], c.Max)
		}
		if w[i] == 0 {
			continue
		}
		sum += w[i] + len(gap)
		if c.Leave > 0 && (worst < 0 || c.Leave > cols[worst].Leave) {
			worst = i
		}
	}
	for ; sum > width; sum-- {
		widest := -1
		for i, c := range cols {
			if c.Min > 0 && w[i] > c.Min && (widest < 0 || w[i] > w[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		w[widest]--
	}
	if sum <= width || worst < 0 {
		return w
	}
	rest := slices.Clone(natural)
	rest[worst] = 0
	return squeeze(cols, rest, width)
}

func (t *Table) format(b *strings.Builder, r row) {
	text, used := "", false
	for i, cell := range r.cells {
		w := t.widths[i]
		if w == 0 {
			continue
		}
		if used {
			text += gap
		}
		used = true
		if c := t.cols[i]; !t.u.out.tty || c.Min == 0 && c.Max == 0 {
			w = max(w, Width(cell)) // a late row may be wider than those that were measured
		}
		if t.cols[i].Right {
			text += fitRight(cell, w)
		} else {
			text += Fit(cell, w)
		}
	}
	text = strings.TrimRight(text, " ")
	if t.u.out.tty {
		text = cut(text, t.u.opt.Width())
	}
	b.WriteString(t.u.out.paint(r.style, text) + "\n")
}
