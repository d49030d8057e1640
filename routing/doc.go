// Package routing decides where a call goes: the dial plan first, then, if the plan says so, advice from outside within
// a time budget. It always decides; late, wrong or missing advice leaves the plan.
package routing
