package changes

import (
	"errors"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
)

func TestBelievable(t *testing.T) {
	for name, tt := range map[string]struct {
		answer Answer
		ok     bool
	}{
		"nothing happened":                     {Answer{Known: 5, Least: 5, Most: 5}, true},
		"an empty mailbox":                     {Answer{}, true},
		"two gone, the count says so":          {Answer{Known: 5, Gone: 2, Least: 3, Most: 3}, true},
		"all gone, the count says so":          {Answer{Known: 5, Gone: 5}, true},
		"two gone, one new":                    {Answer{Known: 5, Gone: 2, New: 1, Least: 4, Most: 4}, true},
		"first sync":                           {Answer{New: 7, Least: 7, Most: 7}, true},
		"one expunged while it was read":       {Answer{Known: 5, Gone: 1, Least: 4, Most: 5}, true},
		"one expunged that was read before":    {Answer{Known: 5, Least: 4, Most: 5}, true},
		"one arrived while it was read":        {Answer{Known: 5, New: 1, Least: 5, Most: 6}, true},
		"all gone, the count knows of none":    {Answer{Known: 5, Gone: 5, Least: 5, Most: 5}, false},
		"one gone, the count knows of none":    {Answer{Known: 5, Gone: 1, Least: 5, Most: 5}, false},
		"two gone, the count knows of one":     {Answer{Known: 5, Gone: 2, Least: 4, Most: 4}, false},
		"gone ones made up for by new ones":    {Answer{Known: 5, Gone: 2, New: 1, Least: 5, Most: 5}, false},
		"the count fell, nobody is gone":       {Answer{Known: 5, Least: 3, Most: 3}, false},
		"the count rose, nobody is new":        {Answer{Known: 5, Least: 6, Most: 6}, false},
		"more than there are":                  {Answer{Known: 5, New: 3, Least: 5, Most: 5}, false},
		"first sync that leaves some out":      {Answer{New: 6, Least: 7, Most: 7}, false},
		"more gone than expunged meanwhile":    {Answer{Known: 5, Gone: 2, Least: 4, Most: 5}, false},
		"vanished and shown, the count agrees": {Answer{Known: 5, Least: 5, Most: 5, Both: goimap.UIDSetNum(3)}, false},
	} {
		err := Believable(tt.answer)
		if _, said := errors.AsType[*Contradiction](err); (err == nil) != tt.ok || err != nil && !said {
			t.Errorf("%s: %v", name, err)
		}
	}
}
