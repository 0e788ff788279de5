package source

import (
	"strings"
	"testing"
)

// Which mailboxes are subscribed is told by files of Dovecot, as it wrote them in these forms, and Courier; what the index knows comes first.
func TestSubscriptions(t *testing.T) {
	deep := map[string]string{"cur/1.a:2,": l("a"), ".Entw&APw-rfe &- so/cur/.keep": "", ".Lists.go/cur/.keep": "", ".Other/cur/.keep": ""}
	fs := map[string]string{"INBOX/cur/1.a:2,": l("a"), "Lists/go/cur/.keep": "", "a.b/cur/.keep": "", "subscriptions/cur/.keep": ""}
	for name, c := range map[string]struct {
		tree  map[string]string
		file  string
		text  string
		index map[string]bool
		want  string
	}{
		"Dovecot":            {deep, "subscriptions", "V\t2\n\nEntw&APw-rfe &- so\nLists\tgo\ngone\nINBOX\n", nil, "Entwürfe & so+ INBOX+ Lists/go+ Other-"},
		"Dovecot, older":     {deep, "subscriptions", "INBOX\nEntw&APw-rfe &- so\nLists.go\n", nil, "Entwürfe & so+ INBOX+ Lists/go+ Other-"},
		"Dovecot, nothing":   {deep, "subscriptions", "", nil, "Entwürfe & so- INBOX- Lists/go- Other-"},
		"Dovecot, fs":        {fs, "x", "", nil, "INBOX? Lists/go? a.b? subscriptions?"},
		"Dovecot, fs, older": {map[string]string{"Lists/go/cur/.keep": "", "a.b/cur/.keep": "", "c/cur/.keep": ""}, "subscriptions", "Lists/go\na.b\n", nil, "Lists/go+ a.b+ c-"},
		"Courier":            {deep, "courierimapsubscribed", "INBOX\nINBOX.Lists.go\nINBOX.Entw&APw-rfe &- so\n", nil, "Entwürfe & so+ INBOX+ Lists/go+ Other-"},
		"nobody":             {deep, "x", "", nil, "Entwürfe & so? INBOX? Lists/go? Other?"},
		"the index":          {deep, "x", "", map[string]bool{".Lists.go": true, ".": false}, "Entwürfe & so? INBOX- Lists/go+ Other?"},
		"the index first":    {deep, "subscriptions", "V\t2\n\nOther\n", map[string]bool{".Other": false, ".Lists.go": true}, "Entwürfe & so- INBOX- Lists/go+ Other-"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, c.tree)
			put(t, root, map[string]string{c.file: c.text})
			tree, err := Find(root, Options{Subscribed: func(folder string) (bool, bool) { s, ok := c.index[folder]; return s, ok }})
			if err != nil || len(tree.Closed) > 0 {
				t.Fatal(err, tree.Closed)
			}
			var got []string
			for _, m := range tree.Mailboxes {
				sign := "?"
				if m.Subscribed != nil {
					sign = map[bool]string{true: "+", false: "-"}[*m.Subscribed]
				}
				got = append(got, m.Name+sign)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}
