package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// cells counts as terminals outside of old CJK locales do: ambiguous characters take one cell.
func cells() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}

// Width returns how many cells of a terminal the cleaned text s takes.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	return cells().StringWidth(s)
}

// Fit makes the cleaned text s exactly width cells wide: cut with … or padded with spaces on the right.
func Fit(s string, width int) string {
	s = cut(s, width)
	return s + blank(width-Width(s))
}

// fitRight is Fit with the padding on the left.
func fitRight(s string, width int) string {
	s = cut(s, width)
	return blank(width-Width(s)) + s
}

func cut(s string, width int) string {
	switch {
	case width <= 0:
		return ""
	case Width(s) <= width:
		return s
	}
	return cells().Truncate(s, width, "…")
}

func blank(n int) string { return strings.Repeat(" ", max(n, 0)) }

// Size writes a number of bytes for people, in powers of 1000: "0 B", "999 B", "4.8 kB", "48 kB", "1.2 GB".
func Size(n int64) string {
	unit, scale := unitOf(n)
	return scaled(n, scale) + " " + unit
}

// sizes writes done of total bytes in the unit of total, in a width that total alone decides: " 3.1/74.4 MB".
func sizes(done, total int64) string {
	unit, scale := unitOf(total)
	digits := 0
	if scale > 1 && float64(total)/scale < 99.5 {
		digits = 1
	}
	t := fmt.Sprintf("%.*f", digits, float64(total)/scale)
	return fmt.Sprintf("%*.*f/%s %s", len(t), digits, float64(done)/scale, t, unit)
}

// unitOf returns the largest unit in which n, rounded as it will be printed, is at least 1.
func unitOf(n int64) (string, float64) {
	scale := 1.0
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB"} {
		if float64(n)/scale < 999.5 {
			return unit, scale
		}
		scale *= 1000
	}
	return "PB", scale
}

func scaled(n int64, scale float64) string {
	if v := float64(n) / scale; scale > 1 && v < 9.95 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", float64(n)/scale)
}

// Date writes t for lists, seen from now and in its location: "15:04" today, "02 Jan" this year, else "2006-01-02".
// The zero time is "".
func Date(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(now.Location())
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("02 Jan")
	}
	return t.Format(time.DateOnly)
}

// Duration writes d for people, to two units: "8s", "3m20s", "1h05m", "2d03h".
func Duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// Count writes a number of things: "1 mailbox", "3 mailboxes".
func Count(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "x"):
		return fmt.Sprint(n, " ", thing, "es")
	}
	return fmt.Sprint(n, " ", thing, "s")
}
