package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// view is what the bar says at one moment.
type view struct {
	accounts    []string
	phase       string        // when all accounts are in the same
	elapsed     time.Duration // since the newest phase began
	done, total Amount
	rate        [2]float64 // messages and bytes a second
}

// field is a part of the line. When there is not room for all, those with the highest leave rank leave first; 0 stays.
type field struct {
	text  string
	leave int
}

const (
	barMin = 10 // cells of a bar that still says something, and of one that says enough
	barMax = 40

	leftCells = 11 // of the time left: "59m59s left"
)

// line lays the view out in at most width cells: the account, what it does, the bar, messages, bytes, rate, time left.
func (v view) line(width int, s stream) string {
	label := v.label(width)
	if v.total == (Amount{}) {
		label = cut(label, width)
		return s.paint(Bold, label) + cut(" "+v.working(), width-Width(label))
	}
	const track = 1 // rank of the bar itself
	fs := fit([]field{{v.phase, 5}, {blank(barMin), track}, {v.messages(), 0}, {v.bytes(), 3}, {v.speed(), 4}, {v.left(), 2}},
		width-Width(label))
	label = cut(label, width-total(fs))
	room := min(width-Width(label)-total(fs)+barMin, barMax)
	out := ""
	for _, f := range fs {
		text := f.text
		if f.leave == track {
			text = v.track(room, s)
		}
		out += " " + text
	}
	if total(fs) > width {
		return cut(strings.TrimSpace(out), width) // here the bar, and with it all colour, has left
	}
	return strings.TrimSpace(s.paint(Bold, label) + out)
}

// fit drops fields until the others, each behind a space, fit into width; empty ones always.
func fit(fs []field, width int) []field {
	fs = slices.DeleteFunc(fs, func(f field) bool { return f.text == "" })
	for len(fs) > 0 && total(fs) > width {
		worst := slices.MaxFunc(fs, func(a, b field) int { return a.leave - b.leave }).leave
		if worst == 0 {
			break
		}
		fs = slices.DeleteFunc(fs, func(f field) bool { return f.leave == worst })
	}
	return fs
}

func total(fs []field) (n int) {
	for _, f := range fs {
		n += 1 + Width(f.text)
	}
	return n
}

// label names the accounts, or counts them where the names take more than a third of the width.
func (v view) label(width int) string {
	names := strings.Join(v.accounts, ", ")
	if len(v.accounts) > 1 && Width(names) > width/3 {
		names = Count(len(v.accounts), "account")
	}
	return cut(names, max(width/3, 12))
}

// working stands in for the bar while the total is not known; the seconds show that there is life.
func (v view) working() string {
	text := v.phase
	if text == "" {
		text = "working"
	}
	text += "…"
	if v.done.Messages > 0 {
		text += fmt.Sprintf(" %d", v.done.Messages)
	}
	if v.done.Bytes > 0 {
		text += " " + Size(v.done.Bytes)
	}
	if v.elapsed >= 2*time.Second {
		text += " (" + Duration(v.elapsed) + ")"
	}
	return text
}

// track draws the bar itself in ASCII, whose width no terminal disputes.
func (v view) track(width int, s stream) string {
	ratio := float64(v.done.Messages) / float64(max(v.total.Messages, 1))
	if v.total.Bytes > 0 {
		ratio = float64(v.done.Bytes) / float64(v.total.Bytes)
	}
	inner := width - 2
	full := int(min(max(ratio, 0), 1) * float64(inner))
	head := min(1, inner-full)
	return "[" + s.paint(Green, strings.Repeat("=", full)+strings.Repeat(">", head)) + s.paint(Dim, strings.Repeat("-", inner-full-head)) + "]"
}

func (v view) messages() string {
	if v.total.Messages == 0 {
		return ""
	}
	t := fmt.Sprint(v.total.Messages)
	return fitRight(fmt.Sprint(v.done.Messages), len(t)) + "/" + t
}

func (v view) bytes() string {
	if v.total.Bytes == 0 {
		return ""
	}
	return sizes(v.done.Bytes, v.total.Bytes)
}

// The widths of speed and left are fixed, or the bar would twitch.
func (v view) speed() string {
	if v.total.Bytes > 0 {
		return fitRight(Size(int64(v.rate[1]))+"/s", 8)
	}
	return fitRight(fmt.Sprintf("%.0f/s", v.rate[0]), 7)
}

func (v view) left() string {
	todo, rate := float64(v.total.Messages-v.done.Messages), v.rate[0]
	if v.total.Bytes > 0 {
		todo, rate = float64(v.total.Bytes-v.done.Bytes), v.rate[1]
	}
	if todo < 0 || rate <= 0 || todo/rate > 99*86400 {
		return blank(leftCells)
	}
	return Fit(Duration(time.Duration(todo/rate*float64(time.Second)))+" left", leftCells)
}
