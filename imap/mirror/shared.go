package mirror

import (
	"context"
	"fmt"
	"strings"

	"postie/maildir/index"
)

// SharedError says that the root is another account's: kept equal with both, each would be given the other's mail.
type SharedError struct {
	Root string
	Of   index.Login
}

func (e *SharedError) Error() string {
	return fmt.Sprintf("%s is kept equal with %s already: two IMAP accounts cannot share it", e.Root, e.Of)
}

// alone makes sure that no other account has its mail in the root. One whose user has the same name is taken for this one: its
// host is spelled otherwise now, or its user with the domain.
func (r *run) alone(ctx context.Context) error {
	others, err := r.base.Others(ctx)
	if err != nil {
		return err
	}
	for _, o := range others {
		if !strings.EqualFold(local(o.User), local(r.Account.User)) {
			return &SharedError{r.Root, o}
		}
	}
	return nil
}

func local(user string) string {
	name, _, _ := strings.Cut(user, "@")
	return name
}
