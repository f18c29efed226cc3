package giosg

var logRoutes []route
