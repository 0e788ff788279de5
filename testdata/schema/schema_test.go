package schema

import "testing"

// What fits is let through, and what is missing, unknown, or of another type is not.
func TestCheck(t *testing.T) {
	good := `{"event":"error","account":null,"host":null,"error":"x","exit":2,"hint":null}` + "\n"
	if err := Check([]byte(good + good)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		`text`, `[]`, `{}`, `{"event":"nonsense"}`,
		`{"event":"error","account":null,"host":null,"error":"x","exit":2}`,
		`{"event":"error","account":null,"host":null,"error":"x","exit":2.5,"hint":null}`,
		`{"event":"error","account":null,"host":null,"error":"x","exit":2,"hint":null,"more":1}`,
		`{"event":"error","account":7,"host":null,"error":"x","exit":2,"hint":null}`,
	} {
		if Check([]byte(bad+"\n")) == nil {
			t.Errorf("%s is let through", bad)
		}
	}
}
