package agenda

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Trouble decides what of the failures of an account its user is told: each once, not in each run, and of what passes by itself
// nothing, unless it does not pass. One process that makes all runs keeps it; where each run is a process of its own, Memory is kept.
type Trouble struct {
	Grace time.Duration // what may pass is told of when it lasts that long
	Again time.Duration // what somebody has to look at is told again when it was told that long ago; 0: never

	memory
	seen map[string]bool // in this run; nil: nothing was
	done bool            // this run looked at everything
}

// memory is what has to be known of earlier runs.
type memory struct {
	Since time.Time            `json:"since,omitzero"` // the first of the failures that followed each other; zero: there was none
	Loud  time.Time            `json:"loud,omitzero"`  // when one of these failures was told last; zero: none was
	Noted bool                 `json:"noted,omitzero"` // one was noted
	Told  map[string]time.Time `json:"told,omitempty"` // what was told, by hash, and when
}

// Grace is how long a server may be away before its user is told: it is restarted, or the laptop leaves one network for another.
const Grace = 5 * time.Minute

// Daily is how often one is reminded of what lasts.
const Daily = 24 * time.Hour

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
		if t.Noted || !t.Loud.IsZero() {
			v.Over = max(now.Sub(t.Since), time.Second)
		}
		t.Since, t.Loud, t.Noted, t.done = time.Time{}, time.Time{}, false, true
		v.Error = text != "" && t.once(now, text, t.Again)
		return v
	}
	if t.Since.IsZero() {
		t.Since = now
	}
	harmless := kind == Busy || kind == Paused // nobody has to look at it, and it ends by itself
	switch kind {
	case Passing, Busy:
		v.Error = t.Loud.IsZero() && now.Sub(t.Since) >= t.Grace
		v.Note = !t.Noted && t.Loud.IsZero() && !v.Error && kind == Passing
	case Refused, Missing, Paused: // its words may differ from try to try
		v.Error = t.once(now, [...]string{Refused: "refused", Missing: "missing", Paused: "paused"}[kind], 0)
	default:
		v.Error = t.once(now, text, 0)
	}
	v.Error = v.Error || !harmless && !t.Loud.IsZero() && t.Again > 0 && now.Sub(t.Loud) >= t.Again
	if v.Error {
		t.Loud = now
	}
	t.Noted = t.Noted || v.Note
	return v
}

// Once says whether something is told for the first time since a run last found nothing of it.
func (t *Trouble) Once(now time.Time, text string) bool { return t.once(now, text, 0) }

// once is Once for what is told again after a while; 0: it is not.
func (t *Trouble) once(now time.Time, text string, again time.Duration) bool {
	sum := sha256.Sum256([]byte(text))
	key := hex.EncodeToString(sum[:8]) // what is kept is short, and tells nobody anything
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	t.seen[key] = true
	if at, told := t.Told[key]; told && (again == 0 || now.Sub(at) < again) {
		return false
	}
	if t.Told == nil {
		t.Told = map[string]time.Time{}
	}
	t.Told[key] = now
	return true
}

// End ends a run, with all that follows it. If it looked at everything, what it did not find would be worth telling again.
func (t *Trouble) End() {
	if t.done {
		maps.DeleteFunc(t.Told, func(key string, _ time.Time) bool { return !t.seen[key] })
	}
	t.seen, t.done = nil, false
}

// mostTold is how much that was told is remembered from process to process, the last first.
const mostTold = 1000

// Memory is what the next run has to know, in a process of its own; "": nothing.
func (t *Trouble) Memory() string {
	m := t.memory
	if keys := slices.SortedFunc(maps.Keys(m.Told), func(a, b string) int { return m.Told[b].Compare(m.Told[a]) }); len(keys) > mostTold {
		m.Told = maps.Clone(m.Told)
		for _, key := range keys[mostTold:] {
			delete(m.Told, key)
		}
	}
	text, err := json.Marshal(m)
	if err != nil || string(text) == "{}" {
		return ""
	}
	return string(text)
}

// Recall takes what an earlier run left. What cannot be read is forgotten: then more is told than need be.
func (t *Trouble) Recall(text string) {
	var m memory
	if text != "" && json.Unmarshal([]byte(text), &m) != nil {
		m = memory{}
	}
	t.memory = m
}
