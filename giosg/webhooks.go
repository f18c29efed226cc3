package giosg

var webhookRoutes []route
