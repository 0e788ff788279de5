package answer

// codeRow is a response code and what it means.
type codeRow struct {
	code   string
	means  Meaning
	source string
}

func codes() []codeRow {
	return []codeRow{
		{"AUTHENTICATIONFAILED", WrongPassword, "RFC 5530 section 3"},
		{"AUTHORIZATIONFAILED", WrongPassword, "RFC 5530 section 3"},
		{"EXPIRED", WrongPassword, "RFC 5530 section 3: no longer valid, such as a password that has to be changed"},
		{"AUTH", WrongPassword, "RFC 3206 section 4"},
		{"WEBALERT", WrongPassword, "Gmail: log in with a browser first, at the address that comes with it"},
		{"UNAVAILABLE", Unavailable, "RFC 5530 section 3"},
		{"SERVERBUG", Unavailable, "RFC 5530 section 3"},
		{"SYS/TEMP", Unavailable, "RFC 3206 section 3"},
		{"INUSE", Busy, "RFC 5530 section 3"},
		{"IN-USE", Busy, "RFC 2449 section 8.1.2"},
		{"LIMIT", Throttled, "RFC 5530 section 3; Yahoo: Rate limit hit"},
		{"THROTTLED", Throttled, "Yahoo and Gmail"},
		{"OVERQUOTA", Throttled, "Gmail: Account exceeded command or bandwidth limits. At APPEND it is RFC 5530's, about room"},
		{"LOGIN-DELAY", Throttled, "RFC 2449 section 8.1.1"},
	}
}

// phraseRow is a part of a text, in small letters, and what it means. The first row that fits counts, so what may pass
// stands before what speaks of passwords: "Temporary authentication failure".
type phraseRow struct {
	phrase string
	means  Meaning
	source string
}

func phrases() []phraseRow {
	return []phraseRow{
		{"too many simultaneous connections", Busy, "Gmail: NO [ALERT] Too many simultaneous connections. (Failure)"},
		{"too many connections", Busy, "Yahoo, Cyrus, hMailServer"},
		{"maximum number of connections", Busy, "Dovecot: Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)"},
		{"maximum connection limit", Busy, "Courier: BYE Maximum connection limit reached"},
		{"connection limit", Busy, "Zimbra, Open-Xchange: connection limit exceeded"},
		{"already locked", Busy, "RFC 1939 section 4: -ERR maildrop already locked"},
		{"mailbox locked", Busy, "popa3d, Mercury"},
		{"mailbox is locked", Busy, "Cyrus: Unable to lock maildrop: Mailbox is locked by POP server"},
		{"maildrop locked", Busy, "Solid POP3"},
		{"unable to lock", Busy, "Cyrus, teapop"},
		{"lock busy", Busy, "Qpopper: lock busy! Is another session active?"},
		{"can't get lock", Busy, "UW ipop3d: Can't get lock. Mailbox in use"},
		{"mailbox in use", Busy, "UW ipop3d"},
		{"another session", Busy, "Qpopper, GMX"},
		{"authenticated but not connected", Busy, "Exchange: User is authenticated but not connected"},

		{"exceeded command or bandwidth limits", Throttled, "Gmail: [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)"},
		{"bandwidth limit", Throttled, "Gmail"},
		{"suggested backoff time", Throttled, "Exchange: Request is throttled. Suggested Backoff Time: 299499 milliseconds"},
		{"request is throttled", Throttled, "Exchange"},
		{"rate limit", Throttled, "Yahoo: [LIMIT] Rate limit hit"},
		{"login limit", Throttled, "Outlook.com: Exceeded the login limit for a 15 minute period. Reduce the frequency of requests"},
		{"too many login", Throttled, "Yandex, iCloud: Too many login attempts"},
		{"too many attempts", Throttled, "Zoho"},
		{"too frequent", Throttled, "NetEase, QQ: login too frequent"},
		{"minimum time between logins", Throttled, "GMX and WEB.DE"},

		{"server too busy", Unavailable, "Exchange, hMailServer"},
		{"server busy", Unavailable, "Yahoo: [INUSE] AUTHENTICATE Server busy"},
		{"server is busy", Unavailable, "MDaemon"},
		{"server unavailable", Unavailable, "Exchange: Server Unavailable. 15"},
		{"service unavailable", Unavailable, "Exchange, Yahoo"},
		{"service not available", Unavailable, "Lotus Domino"},
		{"server error", Unavailable, "Yahoo: Server error - Please try again later"},
		{"internal error", Unavailable, "Dovecot: Internal error occurred. Refer to server log for more information"},
		{"temporary", Unavailable, "Dovecot: Temporary authentication failure; Gmail: Temporary System Error"},
		{"temporarily", Unavailable, "Dovecot, Yahoo, T-Online: temporarily unavailable"},
		{"try again later", Unavailable, "Yahoo, Yandex, GMX"},
		{"try later", Unavailable, "iCloud"},
		{"maintenance", Unavailable, "Zimbra: account is in maintenance mode"},
		{"auth process broken", Unavailable, "Dovecot: Disconnected: Auth process broken"},

		{"not supported", NotSupported, "Exchange, Dovecot: Authentication mechanism not supported"},
		{"unsupported", NotSupported, "Dovecot: Unsupported authentication mechanism"},
		{"not enabled", NotSupported, "Zimbra, Exchange"},
		{"disabled", NotSupported, "Exchange: basic authentication is disabled"},
		{"unknown mechanism", NotSupported, "Courier"},
		{"unrecognized", NotSupported, "Exchange: Unrecognized authentication type"},
		{"unknown command", NotSupported, "Courier, POP3 servers of RFC 1939"},

		{"password", WrongPassword, "Gmail: Username and password not accepted; Application-specific password required; Exchange: bad password"},
		{"passwort", WrongPassword, "German providers"},
		{"credentials", WrongPassword, "Gmail: Invalid credentials (Failure)"},
		{"authentication fail", WrongPassword, "Dovecot: Authentication failed; Cyrus: authentication failure"},
		{"authentication error", WrongPassword, "Zoho, NetEase"},
		{"authenticate fail", WrongPassword, "Exchange: AUTHENTICATE failed."},
		{"auth fail", WrongPassword, "qmail, popa3d"},
		{"authorization fail", WrongPassword, "qmail-popup: authorization failed"},
		{"login fail", WrongPassword, "Exchange: LOGIN failed.; Courier: Login failed."},
		{"logon fail", WrongPassword, "Exchange: Logon failure: unknown user name or bad password."},
		{"login incorrect", WrongPassword, "UW"},
		{"invalid login", WrongPassword, "Yahoo, hMailServer"},
		{"invalid user", WrongPassword, "hMailServer: Invalid user name or password"},
		{"unknown user", WrongPassword, "POP3 servers"},
		{"bad login", WrongPassword, "UW: Bad login"},
		{"access denied", WrongPassword, "MDaemon"},
	}
}
