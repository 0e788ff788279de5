package query

import (
	"testing"
	"time"
)

// What completion and error messages offer is understood.
func TestWordsOfQueries(t *testing.T) {
	for _, s := range States() {
		if _, err := Parse("is:"+s, time.Now()); err != nil {
			t.Error(err)
		}
	}
	value := map[string]string{"since": "2d", "until": "2d", "before": "2d", "date": "2d", "is": "read", "has": "attachment", "larger": "1MB", "smaller": "1MB"}
	for _, op := range Operators() {
		v, ok := value[op]
		if !ok {
			v = "word"
		}
		if _, err := Parse(op+":"+v, time.Now()); err != nil {
			t.Error(err)
		}
	}
}
