package credential

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// netrc looks for ‘machine HOST login USER password …’ in $NETRC or ~/.netrc. A ‘default’ entry is not used: it would
// hand one password to every host. A file that others can read is refused, but only if it holds our password.
func (s *Source) netrc(context.Context) (Secret, error) {
	path := os.Getenv("NETRC")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return Secret{}, fs.ErrNotExist
		}
		path = filepath.Join(home, ".netrc")
	}
	var exposed error
	text, err := slurp(path, func(info fs.FileInfo) error { exposed = private(info); return nil })
	if err != nil {
		return Secret{}, err
	}
	secret := lookupNetrc(text, s.Host, s.User)
	switch {
	case secret.IsZero():
		return Secret{}, fs.ErrNotExist
	case exposed != nil:
		return Secret{}, &SourceError{path, exposed}
	case strings.Contains(secret.Reveal(), "\x00"):
		return Secret{}, errors.New("gave a secret with a NUL in it")
	}
	return secret, nil
}

// lookupNetrc returns the password of the first entry for host and user; the zero Secret when there is none.
func lookupNetrc(text, host, user string) Secret {
	machine, login, password := "", "", ""
	found := func() bool {
		return strings.EqualFold(machine, host) && login == user && password != ""
	}
	words := netrcWords(text)
	for i := 0; i < len(words) && !found(); i += 2 { // every keyword but default takes a value
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch words[i] {
		case "default":
			return Secret{} // it is the last entry by definition
		case "machine":
			machine, login, password = value, "", ""
		case "login":
			login = value
		case "password":
			password = value
		}
	}
	if !found() {
		return Secret{}
	}
	return NewSecret(password)
}

// netrcWords splits a netrc into words, without comment lines and macros (‘macdef NAME’ up to an empty line).
func netrcWords(text string) []string {
	var words []string
	macro := false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			macro = false
		case macro, strings.HasPrefix(fields[0], "#"):
		case fields[0] == "macdef":
			macro = true
		default:
			words = append(words, fields...)
		}
	}
	return words
}
