package giosg

var assetRoutes []route
