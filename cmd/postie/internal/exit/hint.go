package exit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"postie/cmd/postie/internal/answer"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/connect"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/near"
	"postie/cmd/postie/internal/quota"
	"postie/imap"
	"postie/imap/mirror"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/retrieve"
)

// Again is how an account is worked on again. One that a URL stands for, as the '@' tells, has no name that a command takes.
func Again(command, account string) string {
	if strings.Contains(account, "@") {
		return "the same command with"
	}
	return "postie " + command + " " + account
}

// goneThere says whether a guard speaks of what is gone on an IMAP server, which may be the server's fault.
func goneThere(err error) bool {
	g, ok := errors.AsType[plan.Guard](err)
	return ok && g.Side == plan.Local && g.Cause != plan.Orphans
}

// Hint says what to do next about an error of an account ("": of none).
func Hint(err error, account string) string {
	if u, ok := errors.AsType[*UsageError](err); ok {
		return u.hint
	}
	if Is[*credential.UnreadableError](err) {
		return secretHint(err)
	}
	if token, ok := errors.AsType[*credential.TokenError](err); ok {
		return tokenHint(token)
	}
	if said, ok := errors.AsType[*imap.Error](err); ok && said.Code == "WEBALERT" {
		return "open that address in a browser and log in there; then it works here again"
	} else if ok && said.Code == "REFERRAL" {
		return "the account is served elsewhere: put the host of that address into host ="
	}
	if a := Answer(err); a.Passing() && Code(err) == Connection {
		return passingHint(a)
	}
	return cmp.Or(hereHint(err, account), thereHint(err, account))
}

// hereHint is about what stands in the way on this machine: files, roots, locks, the guard.
func hereHint(err error, account string) string {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return permissionHint(err)
	case toOutput(err):
		return "what was to be printed is not whole"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room and run it again; nothing was deleted on the server"
	case Is[*retrieve.Guard](err):
		return "look into the Maildir. If the messages were deleted on purpose: " + Again("fetch", account) + " --allow-mass-delete\n" +
			`who empties an inbox by habit writes max_delete = "100%"`
	case goneThere(err):
		return "the server was asked in a second way and said the same; one that is being mended may do so, and will say otherwise later. If it was done on purpose: " +
			Again("sync", account) + " --allow-mass-delete"
	case Is[plan.Guard](err):
		return guardHint(err, Again("sync", account)+" --allow-mass-delete")
	case Is[*mirror.NoMailboxError](err):
		return nearHint(err)
	case Is[*mirror.SharedError](err):
		return "give each account a maildir of its own"
	case Is[*index.Nested](err):
		return nestedHint(err)
	case Is[*index.Obstructed](err):
		return obstructedHint(err)
	case Is[*index.NoLocks](err):
		return `put the state on a disk of this machine: state = "DIR"; and let no other machine run postie on this Maildir`
	case Is[*index.Lost](err):
		return "leave the files alone that are called .postie.*, and run it again"
	case Is[*index.Locked](err):
		return "wait for it with --wait"
	case errors.Is(err, mirror.ErrGone), errors.Is(err, mirror.ErrUIDValidity):
		return "postie sync " + account + " finds out what became of it"
	case Is[*index.Newer](err):
		return "install that postie, or a newer one"
	}
	return ""
}

// thereHint is about the server and the way to it.
func thereHint(err error, account string) string {
	var dns *net.DNSError
	switch {
	case RefusedTLS(err):
		return `somebody may be in between; if the server has a port for TLS alone: tls = "implicit"`
	case Is[*connect.PortError](err):
		return portHint(err)
	case Is[*connect.HandshakeError](err):
		return "check port and tls: 993 and 995 speak TLS at once (implicit), 143 and 110 after STARTTLS (starttls)"
	case Is[*credential.NotOfferedError](err):
		return `remove auth = …, so that the strongest offered is taken, or ask the provider`
	case Is[*credential.SourceError](err):
		return "see that it works by hand, as the user who runs postie: cron and systemd know fewer variables and folders than a shell"
	case Is[*credential.EndpointError](err):
		return "try again later; if it stays so, check the addresses in oauth2"
	case badCredential(err) && byToken(err):
		return "a token was refused, not a password: log in anew (postie login " + account + "), or check that the token is one for mail and for this user"
	case badCredential(err) && Answer(err).Meaning != answer.WrongPassword && len(tried(err)) > 0:
		return fmt.Sprintf(`check user and password; or the server does not take %s, which it offers, and another mechanism works: auth = "login", "user", "cram-md5", …`,
			strings.Join(tried(err), " and "))
	case badCredential(err):
		return "check user and password; some providers want an app password, or POP3 or IMAP switched on in their settings"
	case Is[*quota.Spent](err):
		return "the same command goes on there then; max_bytes_per_day in the configuration permits more, or less"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the name of the host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check host and port, and whether the server runs"
	case timedOut(err):
		return "try again later, or with --retry 5m; a slow line may want a longer --timeout"
	case Passing(err):
		return "try again later, or with --retry 5m"
	case Is[*imap.ProtocolError](err), Is[*imap.UnreadableError](err), Is[*pop3.ProtocolError](err):
		return "the same command with -vv shows the dialogue"
	}
	return ""
}

// secretHint is about a password's source that cannot be used.
func secretHint(err error) string {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "install it, or write its whole path: cron and systemd look into fewer folders than a shell"
	case errors.Is(err, fs.ErrPermission):
		return "let who runs postie read it or, if it is a command, run it"
	}
	return ""
}

// tokenHint is about a refusal by an authorization server (RFC 6749 section 5.2). That of a refresh token says itself what to do.
func tokenHint(e *credential.TokenError) string {
	switch e.Code {
	case "invalid_client", "unauthorized_client":
		return "check client_id and client_secret in oauth2; user and password are not in question"
	case "invalid_scope":
		return "check scopes in oauth2"
	case "invalid_grant", "access_denied":
		return ""
	}
	return "try again later; user and password are not in question"
}

// passingHint says how to go on after a refusal that may pass by itself.
func passingHint(a answer.Answer) string {
	again := "try again later, or with --retry 5m"
	if a.Wait > 0 {
		again = fmt.Sprintf("try again in %v, or with --retry %v", a.Wait.Round(time.Second), (2 * a.Wait).Round(time.Second))
	}
	switch a.Meaning {
	case answer.Busy:
		return "another program or device may be at this mailbox: " + again + "; user and password are not in question"
	case answer.Throttled:
		return "the provider limits how often, or how much, is retrieved: " + again
	}
	return "the server has a trouble of its own: " + again + "; user and password are not in question"
}

// portHint says which port, protocol or tls goes with what was found.
func portHint(err error) string {
	e, _ := errors.AsType[*connect.PortError](err)
	switch {
	case e.Speaks == "TLS":
		return `tls = "implicit" for this port (--tls implicit, imaps:// or pop3s://); STARTTLS and no TLS are at home on 143 (IMAP) and 110 (POP3)`
	case e.Expected == "TLS" && (e.Speaks == "IMAP" || e.Speaks == "POP3"):
		return `tls = "starttls" for this port (--tls starttls); TLS at once is at home on 993 (IMAP) and 995 (POP3)`
	case e.Speaks == "IMAP":
		return `protocol = "imap" and postie sync for this port; POP3 is at home on 995, or 110 with tls = "starttls"`
	case e.Speaks == "POP3":
		return `protocol = "pop3" and postie fetch for this port; IMAP is at home on 993, or 143 with tls = "starttls"`
	}
	return "mail is retrieved on 993 or 143 (IMAP), 995 or 110 (POP3): check host and port"
}

// Remedy is Hint, where there is one, or else what concerns the account's secret.
func Remedy(err error, a config.Account) string {
	switch {
	case Is[*connect.CertificateError](err):
		return "check the host name and this machine's clock; a private authority: tls_ca; a certificate that you know: tls_fingerprint"
	case Is[*credential.NoSecretError](err), Is[*credential.SourceError](err):
		if a.Password.Keyring {
			return "postie login " + a.Name
		}
		return "make the password's source work, or store it in the keyring: keyring = true, and postie login " + a.Name
	case Is[*credential.NeedLoginError](err):
		return "postie login " + a.Name
	}
	return cmp.Or(Hint(err, a.Name), "postie check -vv "+a.Name+" shows the dialogue")
}

// obstructedHint says what to do about what lies where a folder or a file of ours ought to be.
func obstructedHint(err error) string {
	e, _ := errors.AsType[*index.Obstructed](err)
	switch {
	case e.Link != "":
		return "is a disk not mounted? Else make that folder, or set another " + map[bool]string{true: "maildir", false: "state"}[e.What == "the Maildir"]
	case e.What == "the Maildir":
		return "set another maildir"
	case e.What != "":
		return "set another state"
	}
	return "move it away; what the index knew is made anew from the mail"
}

// permissionHint says what to do about a path that may not be read or written.
func permissionHint(err error) string {
	path := "it"
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		path = e.Path
	}
	if e, ok := errors.AsType[*index.ReadOnly](err); ok {
		path = e.Path
	}
	return "let " + path + " belong to who runs postie (chown, chmod u+rwX), mount its disk for writing, or use another maildir"
}

// toOutput says whether it is the output that could not be written, and no mail.
func toOutput(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && (e.Path == os.Stdout.Name() || e.Path == os.Stderr.Name())
}

// guardHint says how to go on from what the guard stopped: deletions, or mail that is only here.
func guardHint(err error, allowed string) string {
	for _, g := range guards(err) {
		if g.Clears {
			return "delete_after does this for the first time, or after a long while. If that is meant: " + allowed
		}
		if g.Omits {
			return "to have them again: local_changes = \"revert\" in the configuration. If they were deleted on purpose: " + allowed
		}
		if g.Cause != plan.Orphans {
			return "look at both sides. If it was done on purpose: " + allowed
		}
	}
	return "where they are mail of another account, move the folder away. Where they are to go up: " + allowed
}

// guards are all those within an error.
func guards(err error) (all []plan.Guard) {
	switch e := err.(type) {
	case plan.Guard:
		return []plan.Guard{e}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, guards(err)...)
		}
	case interface{ Unwrap() error }:
		return guards(e.Unwrap())
	}
	return all
}

// nestedHint says how to get roots apart.
func nestedHint(err error) string {
	e, _ := errors.AsType[*index.Nested](err)
	return "give each account a folder beside the other's, with maildir or -d; if " + e.Other + " is no account's any more, remove what is called .postie.* in it"
}

// nearHint names the mailboxes that were meant, perhaps, by names that are none.
func nearHint(err error) string {
	missing, _ := errors.AsType[*mirror.NoMailboxError](err)
	var best []string
	for _, name := range missing.Names {
		if word := near.Word(name, missing.Known); word != "" {
			best = append(best, word)
		}
	}
	if len(best) > 0 {
		return "did you mean " + strings.Join(best, ", ") + "?"
	}
	return "known are " + strings.Join(missing.Known[:min(len(missing.Known), 20)], ", ")
}
