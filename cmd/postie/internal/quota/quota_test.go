package quota

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// When an account pauses, and until when.
func TestPause(t *testing.T) {
	zero := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	at := func(h float64) time.Time { return zero.Add(time.Duration(h * float64(time.Hour))) }
	hours := func(pairs ...int64) (all []Hour) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, Hour{at(float64(pairs[i])), pairs[i+1]})
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		hours []Hour
		limit int64
		now   float64
		until float64 // 0: it goes on
	}{
		{"nothing", nil, 1000, 5, 0},
		{"below", hours(0, 999), 1000, 0.5, 0},
		{"all in one hour", hours(0, 1000), 1000, 0.5, 25},
		{"more, in many hours: the first that frees a tenth", hours(0, 50, 3, 100, 9, 900), 1000, 9.5, 28},
		{"what was yesterday is forgotten", hours(0, 1000, 26, 10), 1000, 26.5, 0},
		{"an hour counts as a whole until it is over for a day", hours(0, 1000), 1000, 24.9, 25},
		{"then no more", hours(0, 1000), 1000, 25, 0},
		{"much more than the limit", hours(0, 5000, 1, 5000), 1000, 2, 26},
		{"no limit", hours(0, 5000), 0, 1, 0},
	} {
		got := Pause(tt.hours, tt.limit, at(tt.now))
		if want := at(tt.until); tt.until == 0 && !got.IsZero() || tt.until != 0 && !got.Equal(want) {
			t.Errorf("%s: until %v, want %v", tt.name, got, want)
		}
		if !got.IsZero() && !Pause(tt.hours, tt.limit, got).IsZero() {
			t.Errorf("%s: it pauses again as soon as it goes on", tt.name)
		}
	}
}

// Every row says where it is from, by an address, and something else besides.
func TestProfiles(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Profiles() {
		source, _, _ := strings.Cut(p.Source, " ")
		if u, err := url.Parse(source); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: %q is no address", p.Name, p.Source)
		}
		if p.Connections == 0 && p.IMAPPerDay == 0 && p.POP3PerDay == 0 && (p.Logins == 0 || p.Within == 0) || p.Hosts == "" {
			t.Errorf("%s says nothing", p.Name)
		}
		for _, h := range strings.Fields(p.Hosts) {
			if seen[h] || h != strings.ToLower(h) {
				t.Errorf("%s: %s stands twice, or not in small letters", p.Name, h)
			}
			seen[h] = true
			name := strings.TrimPrefix(h, ".")
			if h[0] == '.' {
				name = "a" + h
			}
			if Of(strings.ToUpper(name)+".").Name != p.Name {
				t.Errorf("%s is not found by %s", p.Name, name)
			}
		}
	}
	for host, want := range map[string][2]int64{"imap.gmail.com": {2250e6, 0}, "pop.gmail.com": {0, 1125e6}, "imap.example.org": {0, 0}, "": {0, 0}} {
		if p := Of(host); p.PerDay("imap") != want[0] || p.PerDay("pop3") != want[1] {
			t.Errorf("%s: %d, %d", host, p.PerDay("imap"), p.PerDay("pop3"))
		}
	}
}

// Thirty accounts that share two connections get their turn one after the other; whoever has one hears that it is wanted.
func TestHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Host
		h.Permit(2, 0, 0)
		var open, most, done atomic.Int32
		dial := Line{Host: &h}.Dial(func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			far.Close()
			return near, nil
		})
		for range 30 {
			go func() {
				c, err := dial(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if n := open.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-h.Wanted()
				time.Sleep(time.Second)
				open.Add(-1)
				done.Add(1)
				c.Close()
				c.Close() // twice is once
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most.Load() != 2 || done.Load() < 28 { // nobody need want those of the last two
			t.Errorf("%d at once, %d had their turn", most.Load(), done.Load())
		}
		h.ask() // let them go
		h.ask()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		spare := Line{Host: &h}.DialSpare(func(context.Context) (net.Conn, error) { return nil, errors.ErrUnsupported })
		if _, err := spare(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Error("none is spare when all are closed:", err)
		}
		stop := errors.New("stop")
		h.Permit(1, 0, 0)
		c, _ := dial(t.Context())
		if _, err := spare(t.Context()); !errors.Is(err, ErrNoSpare) {
			t.Error("a spare one:", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stop)
		if _, err := dial(ctx); !errors.Is(err, stop) {
			t.Error(err)
		}
		c.Close()
	})
}

// Logins are begun no faster than the host permits; one that fails holds no connection.
func TestLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Host
		h.Permit(0, 3, time.Minute)
		began := time.Now()
		var at []time.Duration
		refused := errors.New("refused")
		dial := Line{Host: &h}.Dial(func(context.Context) (net.Conn, error) {
			at = append(at, time.Since(began))
			return nil, refused
		})
		for range 8 {
			if _, err := dial(t.Context()); !errors.Is(err, refused) {
				t.Fatal(err)
			}
		}
		for i, d := range at {
			if want := time.Duration(i/3) * time.Minute; d != want {
				t.Errorf("login %d after %v, want %v", i, d, want)
			}
		}
		if h.open != 0 {
			t.Errorf("%d open", h.open)
		}
	})
}

// What comes is counted, once, and the limit is told once. A TLS connection stays one, and whoever closes what lies below it ends it too.
func TestMeter(t *testing.T) {
	var h Host
	var m Meter
	near, far := net.Pipe()
	c, err := Line{Host: &h, Meter: &m}.Dial(func(context.Context) (net.Conn, error) { return near, nil })(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	m.Begin(1000, 400, func() { told++ })
	read := func(n int) {
		t.Helper()
		go far.Write(make([]byte, n))
		for buf := make([]byte, 100); n > 0; {
			k, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			n -= k
		}
	}
	read(500)
	if told != 0 || m.Take() != 500 || m.Take() != 0 {
		t.Errorf("told %d times", told)
	}
	read(100)
	read(100)
	if told != 1 || m.Take() != 200 {
		t.Errorf("told %d times", told)
	}
	if _, ok := c.(interface{ ConnectionState() tls.ConnectionState }); ok {
		t.Error("it says that it is TLS")
	}
	go io.Copy(io.Discard, far)
	if _, err := c.Write(make([]byte, 70)); err != nil || m.Take() != 70 { // what goes counts as what comes does
		t.Error("what was sent is not counted:", err)
	}
	c.Close()
	tlsConn := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	c, _ = Line{Host: &h, Meter: &m}.Dial(func(context.Context) (net.Conn, error) { return tlsConn, nil })(t.Context())
	c.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
	c.(interface{ NetConn() net.Conn }).NetConn().Close()
	c.Close()
	if h.open != 0 {
		t.Errorf("%d open", h.open)
	}
}

// A run that goes on knows what it has received and not recorded yet, once.
func TestMeterGoesOn(t *testing.T) {
	var m Meter
	spent := 0
	m.Begin(100, 0, func() { spent++ })
	m.add(50)
	m.Begin(100, 60, func() { spent++ }) // 10 of another run, 50 of this one
	if m.add(39); spent != 0 {
		t.Error("99 of 100 are spent")
	}
	if m.add(1); spent != 1 || m.Total() != 90 || m.Take() != 90 {
		t.Errorf("spent is told %d times", spent)
	}
}
