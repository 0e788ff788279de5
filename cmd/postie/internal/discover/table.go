package discover

import (
	"slices"
	"strings"
)

// provider is one row of the built-in table.
type provider struct {
	name    string
	domains string // of addresses
	mx      string // domains of mail exchangers, where customers bring domains of their own
	imap    string // host; port 993, implicit TLS; "": none
	pop3    string // host; port 995, implicit TLS; "": none
	local   bool   // the login name is what stands before the @
	oauth2  string // preset for OAuth2
	only    bool   // nothing but OAuth2
	note    string
}

const (
	appPassword = "your usual password will not do: make an app password in the account's security settings"
	switchOn    = "IMAP and POP3 must first be switched on in the web mail's settings"
)

// providers are the largest ones, so that most people wait for nobody. Hosts and login names as in Thunderbird's
// provider database.
func providers() []provider {
	return []provider{
		{name: "Gmail", domains: "gmail.com googlemail.com google.com", mx: "google.com googlemail.com", imap: "imap.gmail.com", pop3: "pop.gmail.com",
			oauth2: "google", note: "your usual password will not do: make an app password (https://myaccount.google.com/apppasswords, needs 2-step verification), or use OAuth2 with a client id of your own; POP3 must be switched on in the settings"},
		{name: "Outlook.com", domains: "outlook.com hotmail.com live.com msn.com windowslive.com passport.com outlook.de outlook.fr outlook.es outlook.it outlook.jp " +
			"outlook.com.br hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.nl hotmail.co.uk hotmail.co.jp hotmail.com.br live.de live.fr live.it live.nl live.co.uk",
			mx: "olc.protection.outlook.com", imap: "outlook.office365.com", pop3: "outlook.office365.com", oauth2: "microsoft", only: true,
			note: "Microsoft takes OAuth2 only: it needs the client id of an application of your own; IMAP and POP3 must be switched on in the settings"},
		{name: "Microsoft 365", domains: "office365.com onmicrosoft.com", mx: "mail.protection.outlook.com mx.microsoft", imap: "outlook.office365.com", pop3: "outlook.office365.com",
			oauth2: "microsoft", only: true, note: "Microsoft takes OAuth2 only: it needs the client id of an application of your own, and your administrator's consent"},
		{name: "Yahoo Mail", domains: "yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.ca yahoo.de yahoo.it yahoo.fr yahoo.es yahoo.se yahoo.in yahoo.co.in yahoo.co.uk " +
			"yahoo.co.nz yahoo.co.id yahoo.com.au yahoo.com.ar yahoo.com.br yahoo.com.mx yahoo.com.ph", mx: "yahoodns.net", imap: "imap.mail.yahoo.com", pop3: "pop.mail.yahoo.com", note: appPassword},
		{name: "AOL", domains: "aol.com aim.com netscape.net compuserve.com aol.de aol.fr aol.it aol.es aol.co.uk", mx: "mail.gm0.yahoodns.net", imap: "imap.aol.com", pop3: "pop.aol.com", note: appPassword},
		{name: "iCloud Mail", domains: "icloud.com me.com mac.com", mx: "mail.icloud.com", imap: "imap.mail.me.com", local: true,
			note: "your usual password will not do: make an app-specific password at https://account.apple.com; there is no POP3"},
		{name: "GMX", domains: "gmx.de gmx.net gmx.at gmx.ch gmx.eu gmx.org gmx.info mein.gmx", imap: "imap.gmx.net", pop3: "pop.gmx.net", note: switchOn},
		{name: "GMX", domains: "gmx.com gmx.us gmx.co.uk gmx.fr gmx.es gmx.it", imap: "imap.gmx.com", pop3: "pop.gmx.com", note: switchOn},
		{name: "WEB.DE", domains: "web.de", imap: "imap.web.de", pop3: "pop3.web.de", local: true, note: switchOn},
		{name: "T-Online", domains: "t-online.de magenta.de", imap: "secureimap.t-online.de", pop3: "securepop.t-online.de", note: "it wants the password for mail programs, which is made in the customer centre"},
		{name: "Mail.ru", domains: "mail.ru inbox.ru list.ru bk.ru internet.ru", mx: "mail.ru", imap: "imap.mail.ru", pop3: "pop.mail.ru", note: appPassword},
		{name: "Yandex", domains: "yandex.ru yandex.com yandex.by yandex.kz yandex.ua ya.ru narod.ru", mx: "yandex.net yandex.ru", imap: "imap.yandex.com", pop3: "pop.yandex.com",
			note: appPassword + "; IMAP and POP3 must be switched on in the settings"},
		{name: "QQ Mail", domains: "qq.com foxmail.com", mx: "qq.com", imap: "imap.qq.com", pop3: "pop.qq.com", note: "switch IMAP or POP3 on in the settings; the authorization code shown there is the password"},
		{name: "NetEase 163", domains: "163.com", imap: "imap.163.com", pop3: "pop.163.com", note: "switch IMAP or POP3 on in the settings; the authorization code shown there is the password"},
		{name: "NetEase 126", domains: "126.com", imap: "imap.126.com", pop3: "pop.126.com", note: "switch IMAP or POP3 on in the settings; the authorization code shown there is the password"},
		{name: "Fastmail", domains: "fastmail.com fastmail.fm", mx: "messagingengine.com", imap: "imap.fastmail.com", pop3: "pop.fastmail.com", note: appPassword},
		{name: "Zoho Mail", domains: "zoho.com zohomail.com", imap: "imap.zoho.com", pop3: "pop.zoho.com", note: switchOn + "; with two-factor login it wants an app password"},
		{name: "Orange", domains: "orange.fr wanadoo.fr", imap: "imap.orange.fr", pop3: "pop.orange.fr"},
		{name: "Free", domains: "free.fr", imap: "imap.free.fr", pop3: "pop.free.fr", local: true},
		{name: "La Poste", domains: "laposte.net", imap: "imap.laposte.net", pop3: "pop.laposte.net", local: true},
		{name: "Libero", domains: "libero.it iol.it blu.it inwind.it giallo.it", imap: "imapmail.libero.it", pop3: "popmail.libero.it"},
		{name: "Naver", domains: "naver.com", imap: "imap.naver.com", pop3: "pop.naver.com", note: switchOn + "; with two-factor login it wants an app password"},
		{name: "Seznam", domains: "seznam.cz email.cz post.cz spoluzaci.cz", imap: "imap.seznam.cz", pop3: "pop3.seznam.cz"},
	}
}

// byDomain looks up the domain of an address.
func byDomain(domain string) (Answer, error) {
	for _, p := range providers() {
		if slices.Contains(strings.Fields(p.domains), domain) {
			return p.answer(domain), nil
		}
	}
	return Answer{}, errNone
}

// byExchanger looks up a mail exchanger; the longest suffix in the table wins.
func byExchanger(host string) (Answer, error) {
	best, length := provider{}, 0
	for _, p := range providers() {
		for _, suffix := range strings.Fields(p.mx) {
			if within(host, suffix) && len(suffix) > length {
				best, length = p, len(suffix)
			}
		}
	}
	if length == 0 {
		return Answer{}, errNone
	}
	best.local = false // a domain of one's own: the whole address names the mailbox
	return best.answer(host), nil
}

func (p provider) answer(asked string) Answer {
	a := Answer{Where: asked, Provider: p.name, OAuth2: p.oauth2, Note: p.note, Complete: true}
	add := func(protocol Protocol, host string, port int) {
		if host == "" {
			return
		}
		s := Server{Protocol: protocol, Host: host, Port: port, TLS: Implicit, OAuth2: p.oauth2 != "", Password: !p.only}
		if p.local {
			s.User = "%EMAILLOCALPART%"
		}
		a.Servers = append(a.Servers, s)
	}
	add(IMAP, p.imap, 993)
	add(POP3, p.pop3, 995)
	return a
}
