package giosg

var partnerRoutes []route
