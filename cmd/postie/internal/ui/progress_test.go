package ui

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// screen is a terminal that understands what the bar uses: \r, \n, erase, SGR; and wraps in the last column.
type screen struct {
	mu       sync.Mutex
	width    int
	rows     [][]rune
	row, col int
	writes   int
	t        *testing.T
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	rs := []rune(string(p))
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; r {
		case '\r':
			s.col = 0
		case '\n':
			s.row, s.col = s.row+1, 0
		case '\x1b':
			n := strings.IndexAny(string(rs[i:]), "JmK")
			s.control(string(rs[i : i+n+1]))
			i += n
		default:
			s.put(r)
		}
	}
	return len(p), nil
}

func (s *screen) control(seq string) {
	switch {
	case seq == "\x1b[J":
		s.fill()
		s.rows = s.rows[:s.row+1]
		s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
	case strings.HasPrefix(seq, "\x1b[") && strings.HasSuffix(seq, "m") && strings.Trim(seq[2:len(seq)-1], "0123456789;") == "":
	default:
		s.t.Errorf("the screen does not know %q", seq)
	}
}

func (s *screen) fill() {
	for len(s.rows) <= s.row {
		s.rows = append(s.rows, nil)
	}
}

func (s *screen) put(r rune) {
	if s.col+Width(string(r)) > s.width {
		s.row, s.col = s.row+1, 0
	}
	s.fill()
	for len(s.rows[s.row]) <= s.col {
		s.rows[s.row] = append(s.rows[s.row], ' ')
	}
	s.rows[s.row][s.col] = r
	s.col += Width(string(r))
}

// resize reflows as most terminals do: a row that is too long is wrapped, and the cursor stays at its character.
func (s *screen) resize(width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows [][]rune
	row := s.row
	for i, r := range s.rows {
		for len(r) > width {
			rows = append(rows, r[:width])
			r = r[width:]
			if i < row {
				s.row++
			}
		}
		rows = append(rows, r)
	}
	s.width, s.rows = width, rows
	if s.col >= width {
		s.t.Error("the cursor was left to the right of the new margin")
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.rows {
		fmt.Fprintln(&b, strings.TrimRight(string(r), " "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func (s *screen) written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *screen) columns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.width
}

// onScreen returns a UI whose two streams are the same terminal. To be used in a synctest bubble.
func onScreen(t *testing.T, width int, o Options) (*UI, *screen) {
	s := &screen{width: width, t: t}
	o.Out, o.Err, o.Width = s, s, s.columns
	o.Terminal = func(io.Writer) bool { return true }
	o.Getenv = func(k string) string { return map[string]string{"TERM": "xterm"}[k] }
	return New(o), s
}

func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestBarWidths(t *testing.T) {
	var b strings.Builder
	for _, width := range []int{1, 5, 10, 20, 40, 60, 80, 120} {
		synctest.Test(t, func(t *testing.T) {
			u, s := onScreen(t, width, Options{})
			show := func() {
				fmt.Fprintf(&b, "%3d|%s\n", width, s)
				if strings.Contains(s.String(), "\n") {
					t.Errorf("width %d: more than one line:\n%s", width, s)
				}
			}
			home := u.Task("home")
			home.Phase("connecting", Amount{})
			sleep(3 * time.Second)
			show()
			home.Phase("storing", Amount{500, 12_400_000})
			for range 120 {
				home.Add(Amount{1, 24_800})
				sleep(20 * time.Millisecond)
			}
			sleep(barTick)
			show()
			long := u.Task("alice@mail.example.org")
			long.Phase("storing", Amount{9, 0})
			sleep(barTick)
			show()
			home.Done()
			sleep(barTick)
			show()
			u.Close()
			if s.String() != "" {
				t.Errorf("width %d: left behind: %q", width, s)
			}
		})
	}
	golden(t, "bar", b.String())
}

// Whatever the view, the line keeps to its width, and colour changes nothing else.
func TestBarFits(t *testing.T) {
	for _, v := range []view{
		{accounts: []string{"home"}, phase: "storing", done: Amount{3, 999}, total: Amount{10, 5000}, rate: [2]float64{1, 300}},
		{accounts: []string{"日本語のアカウント", "b"}, done: Amount{30, 9999}, total: Amount{10, 5000}},
		{accounts: []string{""}, total: Amount{0, 1 << 50}, rate: [2]float64{0, 1e-9}},
		{accounts: []string{"home"}, phase: "a long tale of what is being done here", done: Amount{-1, -1}, total: Amount{1 << 40, 0}},
		{accounts: []string{"home"}, phase: "listing", done: Amount{1200, 1 << 20}, elapsed: time.Hour},
		{},
	} {
		for width := -1; width < 140; width++ {
			text, painted := v.line(width, stream{}), v.line(width, stream{color: true})
			if Width(text) > max(width, 0) || stripSGR(painted) != text {
				t.Errorf("%+v in %d: %q, painted %q", v, width, text, painted)
			}
		}
	}
}

// A run as a person sees it, step by step.
func TestBarStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := onScreen(t, 60, Options{Verbose: 1})
		expect := func(step string, lines ...string) {
			t.Helper()
			if want := strings.Join(lines, "\n"); s.String() != want {
				t.Errorf("%s: got\n%s\nwant\n%s", step, s, want)
			}
		}
		home, work := u.Task("home"), u.Task("work")
		home.Phase("storing", Amount{10, 0})
		work.Phase("listing", Amount{})
		home.Add(Amount{1, 0})
		sleep(barDelay - time.Millisecond)
		expect("too early for a bar")
		sleep(barTick)
		expect("bar", "home, work [==>-----------------]  1/10     2/s 5s left")
		u.Verbose(1, "work", "an old server")
		expect("a line above the bar", "work: an old server", "home, work [==>-----------------]  1/10     2/s 5s left")
		u.Print("and one on standard output")
		expect("both", "work: an old server", "and one on standard output", "home, work [==>-----------------]  1/10     2/s 5s left")
		s.resize(33)
		sleep(barTick)
		expect("narrower", "work: an old server", "and one on standard output", "home, work [=>-----------]  1/10")
		s.resize(60)
		home.Set(Amount{10, 0})
		home.Done()
		u.Summary(Summary{Account: "home", OK: true, New: 10})
		sleep(barTick)
		expect("one is done", "work: an old server", "and one on standard output", "home: 10 new", "work listing…")
		work.Done()
		work.Done()
		u.Summary(Summary{Account: "work", OK: true})
		u.Error(Failure{Account: "work", Err: io.EOF})
		expect("the end", "work: an old server", "and one on standard output", "home: 10 new", "work: nothing new", "postie: work: EOF")
		again := u.Task("home")
		sleep(barDelay)
		expect("another round", "work: an old server", "and one on standard output", "home: 10 new", "work: nothing new", "postie: work: EOF", "home working…")
		again.Done()
		expect("its end", "work: an old server", "and one on standard output", "home: 10 new", "work: nothing new", "postie: work: EOF")
	})
}

func TestNoBar(t *testing.T) {
	run := func(u *UI) {
		task := u.Task("home")
		task.Phase("storing", Amount{10, 10})
		for range 10 {
			task.Add(Amount{1, 1})
			sleep(time.Second)
		}
		task.Done()
		u.Close()
	}
	for name, o := range map[string]Options{"quiet": {Quiet: true}, "JSON": {JSON: true}, "dumb": {Getenv: func(string) string { return "dumb" }}, "no terminal": {}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(o, name != "no terminal", 80, map[string]string{"TERM": name})
			run(l.UI)
			if l.err.Len() > 0 {
				t.Errorf("%s: %q", name, &l.err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		u, s := onScreen(t, 80, Options{})
		task := u.Task("home")
		sleep(barDelay - time.Millisecond)
		task.Done()
		if n := s.written(); n != 0 {
			t.Errorf("a short run wrote %d times", n)
		}
	})
}

// However often the counts change, and whatever they show, the screen is written ten times a second at most, and not
// at all when nothing changed.
func TestBarThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := onScreen(t, 80, Options{})
		task := u.Task("home")
		task.Phase("storing", Amount{1 << 20, 1 << 30})
		for range 10_000 {
			task.Add(Amount{7, 12345})
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if n := s.written(); n < 50 || n > 100 {
			t.Errorf("%d writes in 10 s", n)
		}
		sleep(time.Minute)
		before := s.written()
		sleep(time.Minute)
		if n := s.written(); n != before {
			t.Errorf("%d writes while nothing changed", n-before)
		}
		task.Done()
	})
}

// While somebody else has the terminal nothing is drawn, and what was drawn is gone.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := onScreen(t, 80, Options{})
		task := u.Task("home")
		task.Phase("connecting", Amount{})
		sleep(2 * time.Second)
		resume := u.Hold()
		if u.bar.drawn != "" {
			t.Errorf("still drawn: %q", u.bar.drawn)
		}
		before := s.written()
		task.Phase("storing", Amount{10, 10})
		sleep(2 * time.Second)
		if n := s.written(); n != before {
			t.Errorf("%d writes while held", n-before)
		}
		resume()
		sleep(time.Second)
		if u.bar.drawn == "" {
			t.Error("the bar did not come back")
		}
		task.Done()
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := onScreen(t, 80, Options{})
		defer u.Close()
		task := u.Task("home")
		task.Phase("storing", Amount{1000, 100_000})
		run := func(seconds int, a Amount) view {
			for range seconds * 10 {
				task.Add(a)
				sleep(barTick)
			}
			u.mu.Lock()
			defer u.mu.Unlock()
			return u.view(time.Now())
		}
		for _, tt := range []struct {
			seconds int
			each    Amount
			rate    [2]float64
			left    string
		}{
			{20, Amount{1, 100}, [2]float64{10, 1000}, "1m20s left"},
			{20, Amount{2, 300}, [2]float64{20, 3000}, "7s left"}, // only the last seconds count
			{10, Amount{}, [2]float64{0, 0}, ""},
		} {
			v := run(tt.seconds, tt.each)
			for i := range v.rate {
				if d := v.rate[i] - tt.rate[i]; d > tt.rate[i]/20 || d < -tt.rate[i]/20 {
					t.Errorf("rate %v, want about %v", v.rate, tt.rate)
				}
			}
			if got := strings.TrimSpace(v.left()); got != tt.left {
				t.Errorf("left %q, want %q", got, tt.left)
			}
		}
	})
}

// Many accounts and lines at once: no line is torn, and the bar is gone at the end.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, s := onScreen(t, 70, Options{Verbose: 2})
		log := u.Logger()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				account := strconv.Itoa(i)
				task := u.Task(account)
				defer task.Done()
				for k := range 50 {
					task.Phase("storing", Amount{50, 0})
					task.Set(Amount{k, 0})
					u.Notice(account, "notice")
					u.Print(account + ": printed")
					log.Info("logged", "account", account)
					u.Trace(account, 'S', "+OK")
					time.Sleep(time.Duration(10+i) * time.Millisecond)
				}
				u.Summary(Summary{Account: account, OK: true})
			})
		}
		wg.Wait()
		u.Close()
		lines := map[string]int{}
		for l := range strings.SplitSeq(s.String(), "\n") {
			lines[l]++
		}
		want := map[string]int{}
		for i := range 8 {
			for l, n := range map[string]int{"note: %d: notice": 50, "%d: printed": 50, "%d: logged": 50, "%d S: +OK": 50, "%d: nothing new": 1} {
				want[fmt.Sprintf(l, i)] = n
			}
		}
		for l, n := range lines {
			if want[l] != n {
				t.Errorf("%d times %q, want %d", n, l, want[l])
			}
		}
		if len(lines) != len(want) {
			t.Errorf("%d different lines, want %d", len(lines), len(want))
		}
	})
}
