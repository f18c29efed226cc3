package giosg

var orgRoutes []route
