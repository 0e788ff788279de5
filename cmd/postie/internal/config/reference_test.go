package config

import (
	"strings"
	"testing"
)

// Every key that the parser takes is described, none is described that it does not take, and what is shown as an example
// or as a default can be written so.
func TestReference(t *testing.T) {
	texts := descriptions()
	keys := Reference()
	for _, k := range keys {
		if _, ok := texts[k.Path]; !ok || k.Type == "" || k.Example == "" || k.Text == "" {
			t.Errorf("%s is not described", k.Path)
			continue
		}
		delete(texts, k.Path)
		for _, v := range []string{k.Example, k.Default} {
			if v == k.Default && !strings.HasPrefix(v, `"`) && v != "true" && v != "false" {
				continue // words, or none
			}
			if err := written(k, v); err != nil {
				t.Errorf("%s = %s: %v", k.Path, v, err)
			}
		}
	}
	for path := range texts {
		t.Errorf("%s is described, and the parser does not know it", path)
	}
	if len(keys) < 30 {
		t.Errorf("only %d keys", len(keys))
	}
}

// written gives what the parser says of the key alone, in an account that lacks nothing else.
func written(k Key, v string) error {
	account := map[string]string{"protocol": `"imap"`, "host": `"mail.example.org"`, "user": `"alice"`, "maildir": `"mail"`}
	if k.Fits == POP3 {
		account["protocol"] = `"pop3"`
	}
	text, rest := "", ""
	switch table, name, ok := strings.Cut(k.Path, "."); {
	case table == "hooks" && ok:
		rest = "[hooks]\n" + name + " = " + v + "\n"
	case table == "oauth2" && ok:
		account["oauth2"] = `{ provider = "google", client_id = "id" }`
		if name == "provider" || name == "client_id" {
			account["oauth2"] = strings.Replace(account["oauth2"], map[string]string{"provider": `"google"`, "client_id": `"id"`}[name], v, 1)
		} else {
			account["oauth2"] = `{ provider = "google", client_id = "id", ` + name + " = " + v + " }"
		}
	case table == "mailbox" && ok:
		account[table] = `{ "Lists/*" = { ` + name + " = " + v + " } }"
	case ok:
		account[table] = "{ " + name + " = " + v + " }"
	default:
		account[k.Path] = v
	}
	switch k.Path {
	case "tunnel":
		delete(account, "host")
	case "delete_after", "mailbox.delete_after":
		account["direction"] = `"archive"`
	case "client_key":
		account["client_cert"] = `"me.pem"`
	case "allow_cleartext":
		account["tls"] = map[string]string{"true": `"none"`, "false": `"implicit"`}[v]
	}
	for key, value := range account {
		text += key + " = " + value + "\n"
	}
	_, err := Parse("test.toml", []byte("[account.a]\n"+text+rest))
	return err
}
