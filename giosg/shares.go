package giosg

var shareRoutes []route
