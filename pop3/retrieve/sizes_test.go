package retrieve

import (
	"testing"

	"postie/maildir/message"
	"postie/pop3"
)

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		name         string
		listed, size int64
		ended        bool
		body         int64
		want         message.Verdict
	}{
		{"exact", 5700, 5700, true, 5000, message.Whole},
		{"exact, no body", 700, 700, true, 0, message.Whole},
		{"exact, header without end", 700, 700, false, 0, message.Whole},
		{"nothing of nothing", 0, 0, false, 0, message.Doubtful},
		{"not listed, header only", 0, 700, true, 0, message.Doubtful},
		{"not listed", 0, 5700, true, 5000, message.Whole},
		{"listed as one octet", 1, 5700, true, 5000, message.Whole},
		{"listed with LF as line end", 5600, 5700, true, 5000, message.Whole},
		{"Gmail", 5712, 5700, true, 5000, message.Whole},
		{"Exchange", 8000, 5700, true, 5000, message.Whole},
		{"half", 11400, 5700, true, 5000, message.Whole},
		{"less than half", 11402, 5700, true, 5000, message.CutOff},
		{"nothing", 5700, 0, false, 0, message.CutOff},
		{"nothing of little", 60, 0, false, 0, message.Doubtful},
		{"half a header", 5700, 300, false, 0, message.CutOff},
		{"most of a message that is all header", 5700, 4000, false, 0, message.CutOff},
		{"header only", 5700, 700, true, 0, message.CutOff},
		{"header only, and little more was listed", 717, 700, true, 0, message.Doubtful},
		{"header without end, and little more was listed", 717, 700, false, 0, message.Doubtful},
	} {
		var s sizes
		if got := s.judge(tt.listed, tt.size, tt.ended, tt.body); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// What comes twice alike is believed, but no message of less than half its size, unless the sizes are plainly no sizes.
func TestSizesBelieved(t *testing.T) {
	const listed = 9000
	for _, tt := range []struct {
		name  string
		items []pop3.Item
		came  []int64
		want  bool
	}{
		{"all sizes differ", []pop3.Item{{Size: listed}, {Size: 1}, {Size: 2}}, []int64{900, 800, 700}, false},
		{"one size for all", []pop3.Item{{Size: listed}, {Size: listed}, {Size: listed}}, []int64{900, 800, 700}, true},
		{"one size for all, and it is right for one", []pop3.Item{{Size: listed}, {Size: listed}, {Size: listed}}, []int64{900, 9000, 700}, false},
		{"one size for all, and all are cut alike", []pop3.Item{{Size: listed}, {Size: listed}, {Size: listed}}, []int64{900, 900, 900}, false},
		{"two messages", []pop3.Item{{Size: listed}, {Size: listed}}, []int64{900, 800}, false},
	} {
		s := sizes{uniform: uniform(tt.items)}
		for _, size := range tt.came {
			s.judge(listed, size, true, size/2)
		}
		if got := s.believes(listed, 900); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	s := sizes{}
	if !s.believes(717, 700) || s.believes(5700, 700) {
		t.Error("a header alone is believed if little more was listed, and only then")
	}
}
