package companion

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// A signed webhook (BEY-24).
var _ = declare(ActionKind{
	Kind:        "webhook",
	DisplayName: "Call a webhook",
	Description: "Posts JSON to an address. The header Latchkey-Signature is sha256= and the HMAC of the header Latchkey-Timestamp, a " +
		"full stop and the body, and while the secret is rotated a second one after a blank; Latchkey-Delivery stays the same when the call is repeated.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["url","secret"],"properties":{
		"url":{"type":"string","format":"uri"},
		"secret":{"type":"string","description":"The name of the secret that the call is signed with, one for signatures at this host."},
		"headers":{"type":"object","additionalProperties":{"type":"string"}},
		"body":{"type":"object","description":"JSON whose texts may hold placeholders. Without it: everything about the callout."},
		"answerPath":{"type":"string","description":"Where the JSON of the answer has a text or number if the call was a success, such as result.id. Without it an answer will do that is empty, or a text or JSON that is whole and tells of no failure."}}}`),
}, func() plan { return &webhookPlan{} })

type webhookPlan struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Answer  string            `json:"answerPath,omitempty"`
}

func (p *webhookPlan) validate() error {
	if _, err := checkURL(p.URL); err != nil {
		return err
	}
	if !platform.IsSecretName(p.Secret) {
		return governance.Invalid("secret", "secret names the secret that calls are signed with: letters, digits and _.")
	}
	if p.Answer != "" && !jsonPath().MatchString(p.Answer) {
		return governance.Invalid("answerPath", "answerPath is names and positions with full stops between them, such as result.id.")
	}
	if err := checkHeaders(p.Headers); err != nil {
		return err
	}
	if len(p.Body) > 0 {
		return checkJSONTemplate("body", p.Body, noTask)
	}
	return nil
}

// checkURL refuses what can be no address to call; which addresses may be called, the outbound client decides.
func checkURL(text string) (*url.URL, error) {
	if strings.ContainsAny(text, "{}") {
		return nil, governance.Invalid("url", "url takes no placeholders: what is filled in is not Latchkey's.")
	}
	at, err := url.Parse(text)
	if err == nil { // which takes any number for a port
		_, err = strconv.ParseUint(cmp.Or(at.Port(), "443"), 10, 16)
	}
	if err != nil || at.Host == "" || at.User != nil || at.Fragment != "" || at.Scheme != "https" && at.Scheme != "http" || len(text) > 2000 {
		return nil, governance.Invalid("url", "url must be an https address without credentials.")
	}
	return at, nil
}

func (p *webhookPlan) withoutPerson() {}

func (p *webhookPlan) preflight(_ context.Context, c *checkup) {
	c.address(p.URL)
}

func (p *webhookPlan) needs() []need {
	return []need{{"secret", p.Secret, platform.SecretSignature, p.URL}}
}

// body is what a webhook is told: the template, filled, or everything.
func (p *webhookPlan) body(c governance.Task) (json.RawMessage, error) {
	if len(p.Body) > 0 {
		return fillJSON(p.Body, placeholders(c))
	}
	return json.Marshal(map[string]any{
		"version": 1, "calloutId": c.ID, "action": c.Action, "source": c.Source, "stage": c.Stage, "requestId": c.RequestID,
		"accessPackage": c.AccessPackage, "catalog": c.Catalog,
		"target":    map[string]string{"objectId": c.Target.ObjectID, "displayName": c.Target.DisplayName, "principalName": c.Target.PrincipalName},
		"requestor": map[string]string{"objectId": c.Requestor.ObjectID, "displayName": c.Requestor.DisplayName},
	})
}

// sign is the HMAC-SHA256 of a timestamp, a full stop and a body.
func sign(secret governance.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (p *webhookPlan) run(ctx context.Context, w *work) (outcome, error) {
	err := w.once(ctx, "called", func() (string, error) {
		secret, err := p.needs()[0].inWork(w)
		if err != nil {
			return "", err
		}
		body, err := p.body(w.task)
		if err != nil {
			return "", err
		}
		header, timestamp := headerOf(w.task.ID, p.Headers), fmt.Sprint(w.Ledger.Now().Unix())
		header.Set("Latchkey-Timestamp", timestamp)
		signatures := sign(secret, timestamp, body)
		if also := w.Secrets.Also(p.Secret); also != "" { // the receiver has the one or the other
			signatures += " " + sign(governance.Hide(also), timestamp, body)
		}
		header.Set("Latchkey-Signature", signatures)
		reply, err := post(ctx, w.Outbound, p.URL, header, body)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(reply.Status), p.success(reply)
	})
	return outcome{detail: "The webhook was called."}, err
}

// success is the error of an answer that is none of success, though its status is.
func (p *webhookPlan) success(reply platform.OutboundReply) error {
	wrong := ""
	if p.Answer == "" {
		wrong = wrongUnproven(reply)
	} else if wrong = wrongWith(reply); wrong == "" {
		if _, there := textAt(answerOf(reply), p.Answer); !there {
			wrong = "without what answerPath names"
		}
	}
	if wrong != "" {
		return giveUpf(nil, "The called service answered %d %s, which is no success.", reply.Status, wrong)
	}
	return nil
}

func (p *webhookPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	body, err := p.body(w.task)
	if err != nil {
		return nil, err
	}
	return []string{"It would post to " + p.URL + ": " + string(body)}, nil
}
