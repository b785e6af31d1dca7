package graph

import (
	"errors"
	"net/http"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"latchkey/shared/directory"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

type recipient struct {
	EmailAddress struct {
		Address string `json:"address"`
		Name    string `json:"name"`
	} `json:"emailAddress"`
}

// sendMail records a mail as sent. Graph takes one body; the other one is made of it, as Exchange does.
func (c *call) sendMail() (reply, error) {
	var body struct {
		Message *struct {
			Subject string `json:"subject"`
			Body    struct {
				ContentType string `json:"contentType"`
				Content     string `json:"content"`
			} `json:"body"`
			To  []recipient `json:"toRecipients"`
			CC  []recipient `json:"ccRecipients"`
			BCC []recipient `json:"bccRecipients"`
		} `json:"message"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if o, ok := c.server.directory.Object(c.id()); !ok || o.Kind != memory.KindUser {
		return reply{}, &problem{status: http.StatusNotFound, code: "ErrorInvalidUser", message: "The requested user '" + c.id() + "' is invalid."}
	}
	if body.Message == nil {
		return reply{}, &problem{status: http.StatusBadRequest, code: "ErrorInvalidParameter", message: "The parameter 'message' is required."}
	}
	mail := governance.Mail{Subject: body.Message.Subject}
	switch strings.ToLower(body.Message.Body.ContentType) {
	case "html":
		mail.HTML, mail.Text = body.Message.Body.Content, textOf(body.Message.Body.Content)
	case "text", "":
		mail.Text = body.Message.Body.Content
	default:
		return reply{}, &problem{status: http.StatusBadRequest, code: "RequestBodyRead", message: "Cannot convert the literal '" + body.Message.Body.ContentType + "' to the expected type 'microsoft.graph.bodyType'."}
	}
	for _, list := range [][]recipient{body.Message.To, body.Message.CC, body.Message.BCC} {
		for _, one := range list {
			mail.To = append(mail.To, one.EmailAddress.Address)
		}
	}
	err := c.server.directory.SendMail(c.request.Context(), mail)
	if errors.Is(err, directory.ErrRefused) {
		return reply{}, &problem{status: http.StatusBadRequest, code: "ErrorInvalidRecipients", message: "At least one recipient is not valid."}
	}
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted}, nil
}

// textOf is the plain text of an HTML mail: paragraphs apart by an empty line, links with their address.
func textOf(source string) string {
	tokens := html.NewTokenizer(strings.NewReader(source))
	var b strings.Builder
	breaks, hidden, space := 0, 0, false
	link := ""
	newline := func(count int) { breaks, space = max(breaks, count), false }
	write := func(text string) {
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", breaks))
		}
		if space && breaks == 0 && b.Len() > 0 {
			b.WriteByte(' ')
		}
		breaks, space = 0, false
		b.WriteString(text)
	}
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return b.String()
		}
		token := tokens.Token()
		switch kind {
		case html.ErrorToken, html.CommentToken, html.DoctypeToken:
		case html.TextToken:
			if hidden > 0 {
				continue
			}
			text := strings.Join(strings.Fields(token.Data), " ")
			if text == "" {
				space = space || token.Data != ""
				continue
			}
			space = space || strings.TrimLeft(token.Data, " \t\r\n") != token.Data
			write(text)
			space = strings.TrimRight(token.Data, " \t\r\n") != token.Data
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			end := kind == html.EndTagToken
			switch token.DataAtom {
			case atom.Head, atom.Style, atom.Script, atom.Title:
				if end {
					hidden = max(hidden-1, 0)
				} else if kind == html.StartTagToken {
					hidden++
				}
			case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.Table, atom.Ul, atom.Ol, atom.Blockquote:
				newline(2)
			case atom.Br, atom.Div, atom.Li, atom.Tr:
				newline(1)
			case atom.Td, atom.Th:
				space = true
			case atom.A:
				if !end {
					link = ""
					for _, attribute := range token.Attr {
						if attribute.Key == "href" {
							link = attribute.Val
						}
					}
				} else if link != "" && !strings.HasSuffix(b.String(), link) {
					space = true
					write("<" + link + ">")
					link = ""
				}
			}
		}
	}
}
