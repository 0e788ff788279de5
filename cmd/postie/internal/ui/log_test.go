package ui

import (
	"errors"
	"log/slog"
	"testing"
)

func TestLogger(t *testing.T) {
	speak := func(u *UI) {
		log := u.Logger().With("account", "home", "box", "IN\x1bBOX")
		log.Debug("debug", "n", 1)
		log.Info("info", "err", errors.New("two words"), slog.Group("g", "a", "", "b", true))
		log.WithGroup("deep").With("k", "v").Warn("warn", "account", "x")
		u.Logger().WithGroup("").Error("error\nmore", slog.Attr{})
	}
	const (
		fail  = "postie: error\n  more\n"
		warn  = "note: home: warn box=IN␛BOX deep.k=v deep.account=x\n"
		info  = "home: info box=IN␛BOX err=\"two words\" g.a=\"\" g.b=true\n"
		debug = "home: debug box=IN␛BOX n=1\n"
	)
	for _, tt := range []struct {
		o        Options
		out, err string
	}{
		{Options{}, "", warn + fail},
		{Options{Quiet: true}, "", fail},
		{Options{Verbose: 1}, "", info + warn + fail},
		{Options{Verbose: 2}, "", debug + info + warn + fail},
		{Options{JSON: true, Quiet: true}, `{"event":"notice","account":"home","text":"warn box=IN\u001bBOX deep.k=v deep.account=x"}` + "\n", fail},
	} {
		l := newLab(tt.o, false, 80, nil)
		speak(l.UI)
		if l.out.String() != tt.out || l.err.String() != tt.err {
			t.Errorf("%+v: got\n%s\n%s\nwant\n%s\n%s", tt.o, &l.out, &l.err, tt.out, tt.err)
		}
	}
}
