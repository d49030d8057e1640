package sfsim

import (
	"context"
	"fmt"
	"strings"
)

// The inputs and outputs that every smart-routing flow has: names that the gateway relies on.
func routingInputs() []Variable {
	return []Variable{
		{"callId", "STRING"}, {"callerNumber", "STRING"}, {"calledNumber", "STRING"}, {"queueName", "STRING"},
		{"contactId", "STRING"}, {"accountId", "STRING"}, {"matchCount", "NUMBER"},
	}
}

func routingOutputs() []Variable {
	return []Variable{
		{"action", "STRING"}, {"targetQueue", "STRING"}, {"targetUserId", "STRING"}, {"targetNumber", "STRING"},
		{"priority", "NUMBER"}, {"language", "STRING"}, {"skipLanguageMenu", "BOOLEAN"},
	}
}

// builtInFlows model the template flows of the package, and the demo's own that does both.
func builtInFlows() []Flow {
	routing := func(name, label string, run func(context.Context, *Org, map[string]any) (map[string]any, error)) Flow {
		return Flow{Name: name, Label: label, Inputs: routingInputs(), Outputs: routingOutputs(), Run: run}
	}
	return []Flow{
		routing("Cordboard_Route_By_SLA", "Cordboard: route by SLA", routeBySLA),
		routing("Cordboard_Route_By_Case_Owner", "Cordboard: route by case owner", routeByCaseOwner),
		routing("Cordboard_Smart_Routing", "Cordboard: smart routing", smartRouting),
	}
}

// priorities by the account's SLA: added to the queue's own.
func priorityOf(sla string) int {
	switch sla {
	case "Platinum":
		return 10
	case "Gold":
		return 5
	}
	return 0
}

// routeBySLA lets customers of a better SLA wait less.
func routeBySLA(_ context.Context, o *Org, in map[string]any) (map[string]any, error) {
	out := map[string]any{"action": "continue", "skipLanguageMenu": false}
	account, err := accountOfCall(o, in)
	if err != nil || account == "" {
		return out, err
	}
	rows, err := o.Query("SELECT SLA__c FROM Account WHERE Id = " + quoted(account))
	if err != nil || len(rows) == 0 {
		return out, err
	}
	if p := priorityOf(textOf(rows[0]["SLA__c"])); p > 0 {
		out["action"], out["priority"] = "queue", p
		out["targetQueue"] = in["queueName"]
	}
	return out, nil
}

// routeByCaseOwner sends a caller to the owner of her most recent open case.
func routeByCaseOwner(_ context.Context, o *Org, in map[string]any) (map[string]any, error) {
	out := map[string]any{"action": "continue", "skipLanguageMenu": false}
	contact := textOf(in["contactId"])
	if contact == "" {
		return out, nil
	}
	rows, err := o.Query("SELECT OwnerId, Contact.Languages__c FROM Case WHERE IsClosed = false AND ContactId = " + quoted(contact) + " ORDER BY LastModifiedDate DESC LIMIT 1")
	if err != nil || len(rows) == 0 {
		return out, err
	}
	owner := textOf(rows[0]["OwnerId"])
	if !strings.HasPrefix(owner, "005") { // a queue owns it
		return out, nil
	}
	out["action"], out["targetUserId"] = "agent", owner
	if person, known := rows[0]["Contact"].(map[string]any); known {
		if language := languageOf(textOf(person["Languages__c"])); language != "" {
			out["language"], out["skipLanguageMenu"] = language, true
		}
	}
	return out, nil
}

// smartRouting does both: the owner of the case first, with the priority of the SLA.
func smartRouting(ctx context.Context, o *Org, in map[string]any) (map[string]any, error) {
	out, err := routeByCaseOwner(ctx, o, in)
	if err != nil {
		return nil, err
	}
	bySLA, err := routeBySLA(ctx, o, in)
	if err != nil {
		return nil, err
	}
	if out["action"] == "continue" {
		return bySLA, nil
	}
	if bySLA["priority"] != nil {
		out["priority"] = bySLA["priority"]
		out["targetQueue"] = bySLA["targetQueue"] // should the agent be busy
	}
	return out, nil
}

// accountOfCall takes the account that was matched, or that of the contact.
func accountOfCall(o *Org, in map[string]any) (string, error) {
	if account := textOf(in["accountId"]); account != "" {
		return account, nil
	}
	contact := textOf(in["contactId"])
	if contact == "" {
		return "", nil
	}
	rows, err := o.Query("SELECT AccountId FROM Contact WHERE Id = " + quoted(contact))
	if err != nil {
		return "", fmt.Errorf("find the account: %w", err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return textOf(rows[0]["AccountId"]), nil
}

func languageOf(name string) string {
	switch first, _, _ := strings.Cut(name, ";"); first {
	case "English":
		return "en"
	case "Finnish":
		return "fi"
	case "Swedish":
		return "sv"
	}
	return ""
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// quoted is text as a SOQL literal.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
