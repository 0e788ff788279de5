package agenda

import "time"

// Trouble decides what of the failures of an account its user is told: each once, not in each run, and of what passes by itself
// nothing, unless it does not pass.
type Trouble struct {
	Grace time.Duration // what may pass is told of when it lasts that long

	since time.Time // the first of the failures that followed each other; zero: there was none
	told  map[string]bool
	loud  bool // of these failures one was told
	noted bool // or noted
}

// Grace is how long a server may be away before its user is told: it is restarted, or the laptop leaves one network for another.
const Grace = 5 * time.Minute

// Verdict is what the user is to be told of a run.
type Verdict struct {
	Error bool          // its error, as one that somebody has to look at
	Note  bool          // its error, as one that may pass by itself
	Over  time.Duration // that it is well again, after so long; 0: nothing
}

// Run takes note of how a run ended, with what error ("": none).
func (t *Trouble) Run(now time.Time, kind Kind, text string) (v Verdict) {
	switch kind {
	case Same:
		return v
	case Done:
		if t.noted || t.loud {
			v.Over = max(now.Sub(t.since), time.Second)
		}
		t.since, t.loud, t.noted = time.Time{}, false, false
		v.Error = text != "" && t.Once(text)
		return v
	}
	if t.since.IsZero() {
		t.since = now
	}
	switch kind {
	case Passing, Busy:
		v.Error = !t.loud && now.Sub(t.since) >= t.Grace
		v.Note = !t.noted && !t.loud && !v.Error && kind == Passing
	case Refused, Missing, Paused: // its words may differ from try to try
		v.Error = t.Once([...]string{Refused: "refused", Missing: "missing", Paused: "paused"}[kind])
	default:
		v.Error = t.Once(text)
	}
	t.loud, t.noted = t.loud || v.Error, t.noted || v.Note
	return v
}

// Once says whether something is told for the first time since it was last well.
func (t *Trouble) Once(text string) bool {
	if t.told[text] {
		return false
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[text] = true
	return true
}

// Well says that a look at everything found nothing but what is in still: the rest would be worth telling again.
func (t *Trouble) Well(still map[string]bool) {
	for text := range t.told {
		if !still[text] {
			delete(t.told, text)
		}
	}
}
