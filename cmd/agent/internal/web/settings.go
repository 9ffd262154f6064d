package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
)

func (s *Server) settingsRoutes(mux *http.ServeMux, change func(pattern string, h http.HandlerFunc)) {
	// What a press is kept with until the PIN is right lies in the browser: secrets do not.
	secret := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, s.session(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !s.mayChange(r) {
				http.Redirect(w, r, "/signin?next=/settings", http.StatusSeeOther)
				return
			}
			h(w, r)
		})))
	}
	secret("GET /settings", s.heavy(s.settingsPage))
	secret("POST /settings/pin", s.changePIN)
	secret("POST /settings/backup", s.backup)
	secret("POST /settings/programs", s.letIn)
	change("POST /settings/programs/withdraw", s.withdraw)
	change("POST /settings/language", s.setLanguage)
	change("POST /settings/reading", s.setReading)
	change("POST /settings/alerts", s.tryAlerts)
	change("POST /settings/examine", s.heavy(s.examine))
	change("POST /settings/loads", s.setAppliance)
	change("POST /settings/loads/undo", s.resetAppliance)
}

// settingsBody is what the page of settings shows.
type settingsBody struct {
	May                bool // something can be set, and kept
	Open               bool // reading needs no PIN
	Site               string
	File, Quiet        string
	Recipients         []Recipient
	Appliances         []Appliance
	Classes            []loads.Class
	Wrong              *wrongAppliance // what was entered for an appliance and cannot be; nil: nothing
	Programs           []settings.Program
	Scopes             []settings.Scope
	Token, TokenOf     string // made just now
	Findings           []Finding
	Box, Backup        bool
	Rows               []picture.LogRow
	LogFailed          bool
	Restore            []string // the commands that bring a backup back
	LongestName, Least int
}

// changesShown is how many changes the page of settings shows, of so many events at the most.
const (
	changesShown   = 15
	eventsLooked   = 1500
	eventsTogether = 500
)

func (s *Server) settingsPage(w http.ResponseWriter, r *http.Request) {
	s.showSettings(w, r, nil, nil)
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, found []Finding, wrong *wrongAppliance) {
	m := s.openPage(r, "settings")
	b := settingsBody{
		May: s.cfg.Set != nil, Open: s.readingOpen(), Site: *s.language.Load(), Scopes: settings.Scopes(), Findings: found,
		Box: s.cfg.Box != nil, LongestName: settings.LongestName, Least: MinPIN, Classes: loads.Classes(), Wrong: wrong,
	}
	if s.cfg.Set != nil {
		b.Programs = s.cfg.Set.Programs()
	}
	if x := s.cfg.Box; x != nil {
		b.File, b.Quiet, b.Recipients, b.Appliances = x.File(), x.Quiet(), x.Recipients(), x.Appliances()
		b.Backup = b.File != "" && m.SignedIn
	}
	b.Restore = []string{"sudo systemctl stop keeplit", "sudo agent restore keeplit.backup " + orDefault(b.File, "keeplit.yaml"), "sudo systemctl start keeplit"}
	b.TokenOf, b.Token = s.sessions.PopString(r.Context(), "token_of"), s.sessions.PopString(r.Context(), "token")
	var err error
	if b.Rows, err = s.changed(r.Context()); err != nil {
		s.log.Error("log", "error", err)
		b.LogFailed = true
	}
	m.Path = "/settings"
	status := http.StatusOK
	if wrong != nil {
		status = http.StatusUnprocessableEntity // said beside the fields
	}
	m.Body = b
	s.render(w, r, status, m)
}

// changed are the newest events in which somebody changed something.
func (s *Server) changed(ctx context.Context) ([]picture.LogRow, error) {
	var out []picture.LogRow
	before := int64(0)
	for range eventsLooked / eventsTogether {
		rows, err := s.agent.Log(ctx, before, eventsTogether)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if before = row.ID; s.texts.Has("changed." + row.Code) {
				if out = append(out, row); len(out) == changesShown {
					return out, nil
				}
			}
		}
		if len(rows) < eventsTogether {
			break
		}
	}
	return out, nil
}

// wayOf is by which way a press of the page came, for the record.
func (s *Server) wayOf(r *http.Request) string {
	if who := s.sender(r).who; who.IsValid() {
		return "page, " + who.String()
	}
	return "page"
}

// record keeps what was set, and by which way: wayOf or way.
func (s *Server) record(r *http.Request, says said.Said) {
	s.log.Info("set on the page", "what", says.String())
	if s.cfg.Box != nil {
		s.cfg.Box.Changed(context.WithoutCancel(r.Context()), says)
	}
}

// refuse says why something is not set.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	n := s.whyNot(err)
	s.answer(w, r, "/settings", n)
}

// whyNot is why something is not set, in words.
func (s *Server) whyNot(err error) *notice {
	t := s.texts.T
	n := &notice{Level: "low"}
	unreadable, many := (*settings.UnreadableError)(nil), (*tooManyTrials)(nil)
	switch {
	case errors.As(err, &many):
		n.Title = t("set.alerts.many", "n", mostTrials, "time", present.Format{Words: s.texts}.Duration(many.Wait+time.Minute))
	case errors.Is(err, errReadingPIN):
		n.Title = t("set.reading.pin")
	case errors.Is(err, errNotSet):
		n.Title = t("set.none")
	case errors.Is(err, settings.ErrName):
		n.Title = t("set.program.name.bad", "n", settings.LongestName)
	case errors.Is(err, settings.ErrScope):
		n.Title = t("set.program.scope.bad")
	case errors.Is(err, settings.ErrMany):
		n.Title = t("set.program.many", "n", settings.MostPrograms)
	case errors.Is(err, settings.ErrUnknown), errors.Is(err, ErrUnknown):
		n.Title, n.Lines = t("error.gone"), []string{t("error.gone.do")}
	case errors.As(err, &unreadable):
		n.Title, n.Lines = t("set.unreadable"), []string{t("set.unreadable.do", "file", settings.File)}
	default:
		n.Title, n.Lines = t("error.command"), []string{t("error.command.do")}
		n.Level = "bad"
	}
	s.log.Warn("not set", "error", err)
	return n
}

// Why something is not set, besides what package settings says.
var (
	errNotSet     = errors.New("nothing can be set here")
	errReadingPIN = errors.New("reading is not closed without a PIN: nobody could open the page")
	errNoSuch     = errors.New("no such value")
)

// set lays a value over the configuration's.
func (s *Server) set(k settings.Key, value string) error {
	if s.cfg.Set == nil {
		return errNotSet
	}
	return s.cfg.Set.Set(k, s.cfg.Written[k], value)
}

func (s *Server) setLanguage(w http.ResponseWriter, r *http.Request) {
	lang := r.PostFormValue("language")
	if err := s.speak(lang); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.record(r, said.Of("setting.language", said.Text("to", lang), said.Text("by", s.wayOf(r))))
	s.answer(w, r, "/settings", &notice{Level: "good", Title: s.texts.T("set.language.done"), Lines: []string{s.texts.T("set.language.alerts")}})
}

// speak has the site speak a language to who has not chosen one.
func (s *Server) speak(lang string) error {
	if !spoken(lang) {
		return errNoSuch
	}
	if err := s.set(settings.Language, lang); err != nil {
		return err
	}
	s.language.Store(&lang)
	return nil
}

func (s *Server) setReading(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("reading")
	if err := s.letRead(to); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.record(r, said.Of("setting.reading", said.Text("to", to), said.Text("by", s.wayOf(r))))
	s.answer(w, r, "/settings", &notice{Level: "good", Title: s.texts.T("set.reading." + to + ".done")})
}

// letRead opens or closes reading.
func (s *Server) letRead(to string) error {
	switch {
	case to != "open" && to != "closed":
		return errNoSuch
	case to == "closed" && !s.gate.guarded():
		return errReadingPIN
	}
	if err := s.set(settings.Reading, to); err != nil {
		return err
	}
	s.open.Store(to == "open")
	return nil
}

// changePIN takes a new PIN from who knows the old one, and signs everybody else out.  The new
// one is on the disk before it holds: at no moment is there none that is right.
func (s *Server) changePIN(w http.ResponseWriter, r *http.Request) {
	t := s.texts.T
	old, pin := strings.TrimSpace(r.PostFormValue("old")), strings.TrimSpace(r.PostFormValue("new"))
	say := func(level, title string, lines ...string) {
		s.answer(w, r, "/settings", &notice{Level: level, Title: title, Lines: lines})
	}
	if s.cfg.Set == nil {
		s.refuse(w, r, errNotSet)
		return
	}
	if pin != strings.TrimSpace(r.PostFormValue("again")) {
		say("low", t("set.pin.differ"), t("set.pin.kept"))
		return
	}
	hash, err := HashPIN(pin)
	if err != nil {
		say("low", t("set.pin.form", "least", MinPIN, "most", MaxPIN), t("set.pin.kept"))
		return
	}
	if n := s.exchange(w, r, old, hash); n != nil {
		s.answer(w, r, "/settings", n)
		return
	}
	s.record(r, said.Of("setting.pin", said.Text("by", s.wayOf(r))))
	say("good", t("set.pin.done"), t("set.pin.others"))
}

// exchange puts another PIN in the place of the old one, or says why not.  Of two at once the second
// no longer knows the PIN, and what is on the disk is what holds.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, old, hash string) *notice {
	s.changingPIN.Lock()
	defer s.changingPIN.Unlock()
	if n := s.enter(w, r, old); n != nil {
		return n.add(s.texts.T("set.pin.kept"))
	}
	if err := s.set(settings.PIN, hash); err != nil {
		return s.whyNot(err)
	}
	if err := s.gate.replace(hash); err != nil { // it was made here
		return s.whyNot(err)
	}
	s.sessions.signOut()
	s.sessions.Put(r.Context(), signedIn, s.sessions.now())
	s.remember(w, r)
	return nil
}

func (s *Server) tryAlerts(w http.ResponseWriter, r *http.Request) {
	tried, err := s.trial(r, r.PostFormValue("to"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	n := &notice{Level: "good", Title: s.texts.T("set.alerts.sent")}
	for _, x := range tried {
		if x.Err == nil {
			n.Lines = append(n.Lines, s.texts.T("set.alerts.sent.to", "name", x.Name))
			continue
		}
		n.Level, n.Title = "bad", s.texts.T("set.alerts.failed")
		n.Lines = append(n.Lines, x.Name+": "+x.Err.Error())
	}
	if len(tried) == 0 {
		s.refuse(w, r, ErrUnknown)
		return
	}
	s.record(r, said.Of("setting.trial", said.Count("n", int64(len(tried))), said.Text("by", s.wayOf(r))))
	s.answer(w, r, "/settings", n)
}

// tried is a trial message.
type tried struct {
	Name string
	Err  error
}

// trial sends a trial message to one recipient, or, where none is named, to all, side by side.
func (s *Server) trial(r *http.Request, to string) ([]tried, error) {
	if s.cfg.Box == nil {
		return nil, nil
	}
	ctx, stop := context.WithTimeout(r.Context(), tryWithin)
	defer stop()
	var out []tried
	for _, x := range s.cfg.Box.Recipients() {
		if to == "" || to == x.Name {
			out = append(out, tried{Name: x.Name})
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	if err := s.trials.take(time.Now()); err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	for i := range out {
		all.Go(func() { out[i].Err = s.cfg.Box.Try(ctx, out[i].Name) })
	}
	all.Wait()
	return out, nil
}

func (s *Server) letIn(w http.ResponseWriter, r *http.Request) {
	var may []settings.Scope
	if r.ParseForm() == nil {
		for _, x := range r.PostForm["scope"] {
			may = append(may, settings.Scope(x))
		}
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	token, err := s.admit(name, may)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.record(r, said.Of("setting.program", said.Text("name", name), said.Text("scopes", joined(may)), said.Text("by", s.wayOf(r))))
	s.sessions.Put(r.Context(), "token", token)
	s.sessions.Put(r.Context(), "token_of", name)
	http.Redirect(w, r, "/settings#programs", http.StatusSeeOther)
}

// joined are scopes in a line.
func joined(scopes []settings.Scope) string {
	var out []string
	for _, x := range settings.Scopes() {
		if slices.Contains(scopes, x) {
			out = append(out, string(x))
		}
	}
	return strings.Join(out, ", ")
}

// clock is what the site's clock shows: what is noted by it is shown beside what the site has noted.
func (s *Server) clock() time.Time {
	if s.cfg.Clock != nil {
		return s.cfg.Clock()
	}
	return time.Now()
}

// admit lets a program in.
func (s *Server) admit(name string, may []settings.Scope) (token string, err error) {
	if s.cfg.Set == nil {
		return "", errNotSet
	}
	return s.cfg.Set.LetIn(name, may, s.clock())
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name")
	if err := s.dismiss(name); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.record(r, said.Of("setting.program_out", said.Text("name", name), said.Text("by", s.wayOf(r))))
	s.answer(w, r, "/settings", &notice{Level: "good", Title: s.texts.T("set.program.out", "name", name)})
}

// dismiss takes a program's token back.
func (s *Server) dismiss(name string) error {
	if s.cfg.Set == nil {
		return errNotSet
	}
	return s.cfg.Set.Withdraw(name)
}

func (s *Server) examine(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Box == nil {
		s.refuse(w, r, ErrUnknown)
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), examineWithin)
	defer stop()
	s.trouble.lasts(r)
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(examineWithin + shutdownTime)); err != nil {
		s.log.Debug("examine", "error", err)
	}
	s.showSettings(w, r, s.cfg.Box.Examine(ctx), nil)
}

// leastPassphrase is the shortest that a backup on a lost stick holds out with.
const leastPassphrase = 8

// backup sends a backup to who has signed in: without a PIN anybody would take the account away.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	t := s.texts.T
	say := func(level, title string, lines ...string) {
		s.answer(w, r, "/settings", &notice{Level: level, Title: title, Lines: lines})
	}
	phrase := r.PostFormValue("passphrase")
	switch {
	case !s.sessions.signed(r.Context()) || s.cfg.Box == nil || s.cfg.Box.File() == "":
		say("low", t("set.backup.none"))
		return
	case phrase != r.PostFormValue("again"):
		say("low", t("set.backup.differ"))
		return
	case phrase != "" && len(phrase) < leastPassphrase:
		say("low", t("set.backup.short", "n", leastPassphrase))
		return
	case !s.saving.TryLock():
		say("low", t("set.backup.busy"))
		return
	}
	defer s.saving.Unlock()
	s.trouble.lasts(r)
	ctx, stop := context.WithTimeout(r.Context(), backupWithin)
	defer stop()
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Now().Add(backupWithin + shutdownTime)); err != nil {
		s.log.Debug("backup", "error", err)
	}
	file, done, err := s.cfg.Box.Backup(ctx, phrase)
	if err != nil {
		s.log.Error("backup", "error", err)
		say("bad", t("set.backup.failed"), err.Error())
		return
	}
	defer done()
	if err := s.send(w, file); err != nil {
		s.log.Error("backup", "error", err)
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	s.record(r, said.Of("setting.backup", said.Text("by", s.wayOf(r))))
}

// send answers with a file to keep.
func (s *Server) send(w http.ResponseWriter, file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="keeplit-`+s.clock().UTC().Format("2006-01-02")+`.backup"`)
	h.Set("Content-Length", fmt.Sprint(info.Size()))
	h.Set("Cache-Control", "no-store")
	_, err = io.Copy(w, f)
	return err
}
