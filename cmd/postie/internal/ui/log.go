package ui

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// Logger returns a logger for executors: debug shows at -vv, info at -v, a warning is a Notice, an error is printed
// even when quiet. The attribute "account" becomes the prefix, as in other lines.
func (u *UI) Logger() *slog.Logger { return slog.New(&handler{u: u}) }

type handler struct {
	u       *UI
	account string
	attrs   string // formatted, each behind a space
	group   string // prefix of keys, with its dot
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	switch {
	case l >= slog.LevelError:
		return true
	case l >= slog.LevelWarn:
		return !h.u.opt.Quiet || h.u.opt.JSON
	case l >= slog.LevelInfo:
		return h.u.opt.Verbose >= 1
	}
	return h.u.opt.Verbose >= 2
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	to := *h
	r.Attrs(func(a slog.Attr) bool {
		to.add(a)
		return true
	})
	text := r.Message + to.attrs
	switch {
	case r.Level >= slog.LevelError:
		return h.u.log(&h.u.err, priorityError, h.u.err.paint(Red, "postie:")+" "+place(to.account, "")+indent(h.u.Hide(text), "  ")+"\n")
	case r.Level >= slog.LevelWarn:
		return h.u.Notice(to.account, text)
	case r.Level >= slog.LevelInfo:
		h.u.Verbose(1, to.account, text)
	default:
		h.u.Verbose(2, to.account, text)
	}
	return nil
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	to := *h
	for _, a := range as {
		to.add(a)
	}
	return &to
}

func (h *handler) WithGroup(name string) slog.Handler {
	to := *h
	if name != "" {
		to.group += name + "."
	}
	return &to
}

func (h *handler) add(a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		inner := *h
		if a.Key != "" {
			inner.group += a.Key + "."
		}
		for _, g := range v.Group() {
			inner.add(g)
		}
		h.attrs = inner.attrs
	case a.Equal(slog.Attr{}): // slog.Handler: an empty Attr is ignored
	case a.Key == "account" && h.group == "":
		h.account = v.String()
	default:
		h.attrs += " " + h.group + a.Key + "=" + quote(v.String())
	}
}

// quote quotes a value where its end would not be plain.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"\n\t") {
		return strconv.Quote(s)
	}
	return s
}
