package agenda

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for n := range 100 {
		least, most := Backoff(n, 0, 0), Backoff(n, 0, 1)
		if least < FirstWait/2 || most > 3*MostWait/2 || most < 2*least {
			t.Errorf("%d: %v to %v", n, least, most)
		}
		if got := Backoff(n, time.Hour, 0); got < time.Hour {
			t.Errorf("%d: %v, less than the server asks for", n, got)
		}
	}
}
